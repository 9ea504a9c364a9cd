import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The machine that numbers were measured on, without anything that names it. */
export interface MachineDescription {
  readonly cpu: string;
  readonly cores: number;
  /** L1 data, L2 and L3 cache of one core's path, where the system tells. */
  readonly cacheBytes?: { readonly l1d?: number; readonly l2?: number; readonly l3?: number };
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly v8: string;
  readonly transparentHugePages: HugePages;
  /** One-minute load average when the description was made: above 0 others were using the machine. */
  readonly loadAverage: number;
}

/** How the kernel hands out 2 MiB pages: to who asks (madvise, which the slabs do), always, never, or not known. */
export type HugePages = 'always' | 'madvise' | 'never' | 'unknown';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

export function hugePages(): HugePages {
  const chosen = /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1];
  return chosen === 'always' || chosen === 'madvise' || chosen === 'never' ? chosen : 'unknown';
}

/** "512K" -> 524288 */
function sizeInBytes(text: string | undefined): number | undefined {
  const match = /^(\d+)([KMG])?$/.exec(text ?? '');
  if (!match) return undefined;
  return Number(match[1]) * { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, '': 1 }[match[2] ?? '']!;
}

function cacheBytes(): MachineDescription['cacheBytes'] {
  const found: { l1d?: number; l2?: number; l3?: number } = {};
  for (let index = 0; index < 6; index += 1) {
    const dir = `/sys/devices/system/cpu/cpu0/cache/index${index}`;
    const bytes = sizeInBytes(read(`${dir}/size`));
    const level = `${read(`${dir}/level`)}${read(`${dir}/type`)}`;
    if (bytes === undefined) continue;
    if (level === '1Data') found.l1d = bytes;
    if (level === '2Unified') found.l2 = bytes;
    if (level === '3Unified') found.l3 = bytes;
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

export function describeMachine(): MachineDescription {
  const caches = cacheBytes();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    ...(caches && { cacheBytes: caches }),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    transparentHugePages: hugePages(),
    loadAverage: loadavg()[0]!,
  };
}

/** The commit that is running, with "+" when files differ from it; undefined outside a checkout. */
export function currentCommit(): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', fileURLToPath(new URL('.', import.meta.url)), ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return undefined;
  }
}
