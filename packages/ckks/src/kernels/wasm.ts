import { KernelError, MemoryError } from '../errors/index.ts';
import type { RawBackend } from './backend.ts';
import type { BuildName } from './operations.ts';
import { wasmFix } from './places.ts';

interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  call(operation: number, args: number, count: number, result: number): number;
  allocate(bytes: number): number;
  release(address: number, bytes: number): void;
  trim(): void;
}

const maxArgs = 1 << 16;

/** The names a hosted C++ library may import although the kernels never call them. */
const wasiStubs = new Proxy({}, { get: () => () => 52 /* ENOSYS */ });

async function instantiate(build: BuildName, bytes: BufferSource): Promise<WebAssembly.Instance> {
  try {
    const imports = { wasi_snapshot_preview1: wasiStubs as WebAssembly.ModuleImports };
    return (await WebAssembly.instantiate(bytes, imports)).instance;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KernelError(`the ${build} kernels cannot be instantiated (${why}): ${wasmFix()}`);
  }
}

/** Instantiates one WebAssembly build from its bytes; works in Node and in browsers, on the main thread or a worker. */
export async function instantiateWasm(build: BuildName, bytes: BufferSource): Promise<RawBackend> {
  const instance = await instantiate(build, bytes);
  const wasm = instance.exports as unknown as Exports;
  wasm._initialize();
  const argsAddress = wasm.allocate(8 * (maxArgs + 1)) >>> 0;
  if (argsAddress === 0) throw new MemoryError(`there is no memory for the ${build} kernels`);
  const resultAddress = argsAddress + 8 * maxArgs;
  let bytesInUse = 0;
  let slabs = 0;
  let peakBytes = 0;
  return {
    build,
    call(operation, args, count, result) {
      if (count > maxArgs) throw new KernelError(`a kernel call takes at most ${maxArgs} numbers, not ${count}`);
      new Float64Array(wasm.memory.buffer, argsAddress, count).set(args.subarray(0, count));
      let status: number;
      try {
        status = wasm.call(operation, argsAddress, count, resultAddress);
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        throw new KernelError(`the ${build} kernels stopped (${error.message}): load the kernels anew`);
      }
      result[0] = new Float64Array(wasm.memory.buffer, resultAddress, 1)[0]!;
      return status;
    },
    allocate(bytes) {
      // A 32-bit size: more than the address space has is the same as no memory.
      if (bytes >= 2 ** 32) return 0;
      const address = wasm.allocate(bytes) >>> 0;
      if (address !== 0) {
        slabs += 1;
        bytesInUse += bytes;
        peakBytes = Math.max(peakBytes, bytesInUse);
      }
      return address;
    },
    release(address, bytes) {
      slabs -= 1;
      bytesInUse -= bytes;
      wasm.release(address, bytes);
    },
    view: (address, bytes) => new Uint8Array(wasm.memory.buffer as ArrayBuffer, address, bytes),
    trim: wasm.trim,
    memory: () => ({ slabs, bytes: bytesInUse, cachedBytes: 0, peakBytes }),
    threads: () => 1,
    setThreads: () => true,
  };
}
