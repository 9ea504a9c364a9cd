export declare function summaryOf<T extends object>(record: T): T;
