/** Tarballs that packAll made: for everybody, and by platform. */
export interface Packed {
  readonly all: readonly string[];
  readonly platforms: Readonly<Record<string, readonly string[]>>;
}

export declare const packageNames: readonly string[];
export declare function copyShipped(folder: string): void;
/** The field of a package.json. */
export interface Repository {
  readonly type: string;
  readonly url: string;
}

export declare function stagePackage(name: string, folder: string, repository?: Repository): void;
export declare function packAll(out: string, platforms: readonly string[]): Promise<Packed>;
