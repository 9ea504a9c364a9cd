import type { Compiler } from './native-build.mjs';

export interface Platform {
  readonly os: string;
  readonly arch: string;
  readonly libc: string;
  readonly compilers: readonly string[];
}

export declare const platforms: Readonly<Record<string, Platform>>;
export declare function compilerFor(platform: string): Compiler | undefined;
export declare function packedAddon(platform: string): Promise<string>;
