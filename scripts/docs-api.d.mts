export declare function makeReference(out?: string): Promise<string[]>;
