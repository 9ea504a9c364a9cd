import { KernelError } from '../errors/index.ts';
import { Kernels, maxThreads, type RawBackend } from './backend.ts';
import type { NativeBuild } from './native.ts';
import { node } from './node.ts';
import { type BuildName, buildNames } from './operations.ts';
import { nativeFix, wasmFix } from './places.ts';
import { instantiateWasm } from './wasm.ts';

/** One build as found on this machine. */
export interface BuildStatus {
  readonly name: BuildName;
  readonly usable: boolean;
  /** Instruction sets it was compiled for (native builds beyond the scalar one). */
  readonly needs?: readonly string[];
  /** Why it is not usable, and how to change that. */
  readonly reason?: string;
}

const fixes = {
  processor: 'nothing to do, a slower build is used',
  relaxed: {
    absent: 'needs relaxed SIMD: Node 24 and current browsers have it, Node 20 with --experimental-wasm-relaxed-simd',
    unfused: 'this processor has no fused multiply-add, so relaxed SIMD rounds twice; nothing to do',
  },
} as const;

/**
 * (a, b, c: f64) -> lane 0 of f64x2.relaxed_madd(a, b, c). Engines without relaxed SIMD reject it; those that have it
 * may still round twice, and the relaxed build needs the single rounding of a true fused multiply-add.
 */
const relaxedProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 124, 124, 124, 1, 124, 3, 2, 1, 0, 7, 8, 1, 4, 109, 97, 100, 100, 0, 0,
  10, 22, 1, 20, 0, 32, 0, 253, 20, 32, 1, 253, 20, 32, 2, 253, 20, 253, 135, 2, 253, 33, 0, 11,
]);

type RelaxedSupport = 'fused' | 'unfused' | 'absent';

async function relaxedSupport(): Promise<RelaxedSupport> {
  if (!WebAssembly.validate(relaxedProbe)) return 'absent';
  const { instance } = await WebAssembly.instantiate(relaxedProbe);
  const madd = instance.exports.madd as (a: number, b: number, c: number) => number;
  const tiny = 2 ** -27;
  // (1 + t)^2 - (1 + 2t) = t^2 exactly; a product rounded before the sum loses it.
  return madd(1 + tiny, 1 + tiny, -(1 + 2 * tiny)) === tiny * tiny ? 'fused' : 'unfused';
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** Reads a WebAssembly build beside this module: from the disk in Node, by fetch elsewhere. */
async function wasmBytes(build: BuildName): Promise<BufferSource> {
  const url = new URL(`../../build/kernels-${build.replace('-', '_')}.wasm`, import.meta.url);
  if (node && url.protocol === 'file:') return node.getBuiltinModule('node:fs/promises').readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new KernelError(`${url.href} answered ${response.status}`);
  return response.arrayBuffer();
}

async function loadRaw(build: BuildName, bytes?: BufferSource): Promise<RawBackend> {
  if (build === 'wasm' || build === 'wasm-relaxed') return instantiateWasm(build, bytes ?? (await wasmBytes(build)));
  const { loadNative } = await import('./native.ts');
  return loadNative(build);
}

async function wasmStatus(name: BuildName): Promise<BuildStatus> {
  const relaxed = name === 'wasm-relaxed' ? await relaxedSupport() : 'fused';
  if (relaxed !== 'fused') return { name, usable: false, reason: fixes.relaxed[relaxed] };
  try {
    if (WebAssembly.validate(await wasmBytes(name))) return { name, usable: true };
    return { name, usable: false, reason: `its file is damaged: ${wasmFix()}` };
  } catch (error) {
    return { name, usable: false, reason: `${firstLine(error)}: ${wasmFix()}` };
  }
}

async function nativeStatus(name: BuildName): Promise<BuildStatus> {
  if (!node) return { name, usable: false, reason: 'native kernels run in Node only' };
  let found: NativeBuild | undefined;
  try {
    found = (await import('./native.ts')).nativeBuilds().find((build) => build.name === name);
  } catch (error) {
    return { name, usable: false, reason: `${firstLine(error)}: ${nativeFix()}` };
  }
  if (!found) return { name, usable: false, reason: `not built for ${node.arch}: ${nativeFix()}` };
  const { needs, missing } = found;
  if (missing.length === 0) return { name, usable: true, needs };
  return { name, usable: false, needs, reason: `this processor lacks ${missing.join(', ')}: ${fixes.processor}` };
}

function statusOf(name: BuildName): Promise<BuildStatus> {
  return name === 'wasm' || name === 'wasm-relaxed' ? wasmStatus(name) : nativeStatus(name);
}

/** Every build with whether it can run here, fastest first. */
export async function listBuilds(): Promise<BuildStatus[]> {
  const statuses: BuildStatus[] = [];
  for (const name of buildNames) statuses.push(await statusOf(name));
  return statuses;
}

export interface LoadOptions {
  /** The build to load; default: CIPHERFORMER_KERNELS from the environment, or the fastest usable one. */
  readonly build?: BuildName | undefined;
  /** Threads (native builds); default: CIPHERFORMER_THREADS, or one for each processor core, up to 256. */
  readonly threads?: number | undefined;
  /** The WebAssembly module (of `build` wasm or wasm-relaxed; default wasm), where it is not served beside this file. */
  readonly wasm?: BufferSource | undefined;
}

function environment(name: string): string | undefined {
  return node?.env[name];
}

function checkedBuildName(name: string): BuildName {
  const known = buildNames.find((build) => build === name);
  if (!known) throw new KernelError(`there is no kernel build "${name}": choose one of ${buildNames.join(', ')}`);
  return known;
}

function coreCount(): number {
  return node ? Math.min(node.getBuiltinModule('node:os').availableParallelism(), maxThreads) : 1;
}

async function firstUsable(names: readonly BuildName[]): Promise<BuildName> {
  const causes: string[] = [];
  for (const name of names) {
    const status = await statusOf(name);
    if (status.usable) return name;
    causes.push(`  ${name}: ${status.reason}`);
  }
  throw new KernelError(`no kernels could be loaded:\n${causes.join('\n')}`);
}

/** Loads the kernels: the asked build, or the fastest that runs here (native AVX-512 IFMA, AVX2+FMA, scalar, WebAssembly). */
export async function loadKernels(options: LoadOptions = {}): Promise<Kernels> {
  const asked = options.build ?? environment('CIPHERFORMER_KERNELS');
  const names = asked !== undefined ? [checkedBuildName(asked)] : buildNames;
  const name = options.wasm ? (asked === 'wasm-relaxed' ? asked : 'wasm') : await firstUsable(names);
  const kernels = new Kernels(await loadRaw(name, options.wasm));
  kernels.threads = options.threads ?? Number(environment('CIPHERFORMER_THREADS') ?? coreCount());
  return kernels;
}
