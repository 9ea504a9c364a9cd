/** Node, as far as the kernels ask it. Its modules are asked for at run time: a bundler for browsers meets none. */
interface Node {
  readonly versions?: { readonly node?: string };
  readonly platform: string;
  readonly arch: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  getBuiltinModule(name: 'node:module'): { createRequire(url: string): (path: string) => unknown };
  getBuiltinModule(name: 'node:fs'): { existsSync(file: URL): boolean };
  getBuiltinModule(name: 'node:os'): { availableParallelism(): number };
  getBuiltinModule(name: 'node:fs/promises'): {
    readFile(file: URL): Promise<Uint8Array<ArrayBuffer>>;
    readFile(file: URL, encoding: 'utf8'): Promise<string>;
  };
}

const found = (globalThis as { readonly process?: unknown }).process as Node | undefined;

/** Node where this runs in it, undefined elsewhere. */
export const node = found?.versions?.node === undefined ? undefined : found;
