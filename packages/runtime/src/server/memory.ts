import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { apart, gib } from '@cipherformer/base';
import { ResourceError } from '../errors.ts';
import type { ProgramManifest } from '../protocol/manifest-schema.ts';

/** Memory of this machine, or the limit of a container. */
export function totalMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Memory that this process may still use: free memory, or what a container's limit leaves. */
export function availableMemoryBytes(): number {
  const total = totalMemoryBytes();
  const inContainer = total < totalmem() ? total - process.memoryUsage().rss : Number.POSITIVE_INFINITY;
  const available = /MemAvailable:\s+(\d+) kB/.exec(memoryInfo())?.[1];
  return Math.min(available === undefined ? freemem() : Number(available) * 1024, inContainer);
}

/** Empty where the system is not Linux. */
function memoryInfo(): string {
  try {
    return readFileSync('/proc/meminfo', 'utf8');
  } catch {
    return '';
  }
}

/** @throws ResourceError for a program that takes more memory than is free */
export function checkMemory(
  { manifest }: { readonly manifest: Pick<ProgramManifest, 'predicted'> },
  available: number,
): void {
  const { peakBytes } = manifest.predicted;
  if (peakBytes <= available) return;
  const [needed, free] = apart(peakBytes, available, gib, 2);
  throw new ResourceError(
    `this program takes about ${needed} of memory, ${free} are free here: stop other programs or use a larger machine`,
  );
}
