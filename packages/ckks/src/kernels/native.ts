import { KernelError } from '../errors/index.ts';
import type { MemoryCounters, RawBackend } from './backend.ts';
import { node } from './node.ts';
import type { BuildName } from './operations.ts';
import { nativeFix, platformPackage } from './places.ts';

/** One native build: the instruction sets it was compiled for, and those that this processor lacks. */
export interface NativeBuild {
  readonly name: BuildName;
  readonly needs: readonly string[];
  readonly missing: readonly string[];
}

export interface Addon {
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

/**
 * Loads the native addon: what was built in this package's folder, or the package of this platform.
 * @throws KernelError with every place that was tried, and why it gave none
 */
function loadAddon(): Addon {
  // Plain paths, unlike new URL(..., import.meta.url), are no assets for a bundler to copy.
  const { createRequire } = node!.getBuiltinModule('node:module');
  const require = createRequire(import.meta.url);
  const packed = platformPackage();
  const places = [{ name: 'own build', path: '../../build/kernels.node' }];
  if (packed !== undefined) places.push({ name: packed, path: packed });
  const causes: string[] = [];
  for (const { name, path } of places) {
    try {
      return require(path) as Addon;
    } catch (error) {
      causes.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  throw new KernelError(causes.join('; '), { hint: nativeFix() });
}

/** The native builds, fastest first. @throws KernelError where none are installed, or fit this machine */
export function nativeBuilds(): readonly NativeBuild[] {
  return loadAddon().builds();
}

/** @throws KernelError where no native builds are installed, or fit this machine */
export function loadNative(build: BuildName): RawBackend {
  return backendOf(loadAddon(), build);
}

/** One build of a loaded addon. */
export function backendOf(addon: Addon, build: BuildName): RawBackend {
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
