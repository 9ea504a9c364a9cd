/** What findCompiler finds. */
export interface Compiler {
  readonly compiler: string;
  readonly version: string;
}

export declare const nativeDir: string;
export declare const commonFlags: readonly string[];
export declare const sharedSources: readonly string[];
export declare function findCompiler(): Compiler | undefined;
export declare function compileAddon(
  found: Compiler,
  target: string,
  options?: { readonly flags?: readonly string[]; readonly staticRuntime?: boolean },
): Promise<string[]>;
export declare function compileDriver(
  found: Compiler,
  addon: string,
  target: string,
  options?: { readonly flags?: readonly string[] },
): Promise<void>;
