/** Tarballs that packAll made: for everybody, and by platform. */
export interface Packed {
  readonly all: readonly string[];
  readonly platforms: Readonly<Record<string, readonly string[]>>;
}

export declare const packageNames: readonly string[];
export declare function copyShipped(folder: string): void;
export declare function stagePackage(name: string, folder: string): void;
export declare function packAll(out: string, platforms: readonly string[]): Promise<Packed>;
