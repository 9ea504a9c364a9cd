import type { MemoryCounters, RawBackend } from './backend.ts';
import { node } from './node.ts';
import type { BuildName } from './operations.ts';

/** One native build: the instruction sets it was compiled for, and those that this processor lacks. */
export interface NativeBuild {
  readonly name: BuildName;
  readonly needs: readonly string[];
  readonly missing: readonly string[];
}

interface Addon {
  call(build: number, operation: number, args: Float64Array, count: number, result: Float64Array): number;
  allocate(bytes: number, secret: boolean): number;
  release(address: number): void;
  view(address: number, bytes: number): ArrayBuffer;
  trim(): void;
  memory(): MemoryCounters;
  threads(): number;
  setThreads(threads: number): boolean;
  builds(): NativeBuild[];
}

/** Loads the native addon. @throws what Node throws when it is missing or does not fit this machine */
function loadAddon(): Addon {
  // A plain relative path, unlike new URL(..., import.meta.url), is no asset for a bundler to copy.
  const { createRequire } = node!.getBuiltinModule('node:module');
  return createRequire(import.meta.url)('../../build/kernels.node') as Addon;
}

/** The native builds, fastest first. */
export function nativeBuilds(): readonly NativeBuild[] {
  return loadAddon().builds();
}

export function loadNative(build: BuildName): RawBackend {
  const addon = loadAddon();
  const index = addon.builds().findIndex(({ name }) => name === build);
  return {
    build,
    call: (operation, args, count, result) => addon.call(index, operation, args, count, result),
    allocate: addon.allocate,
    release: (address) => addon.release(address),
    view: (address, bytes) => new Uint8Array(addon.view(address, bytes)),
    trim: addon.trim,
    memory: addon.memory,
    threads: addon.threads,
    setThreads: addon.setThreads,
  };
}
