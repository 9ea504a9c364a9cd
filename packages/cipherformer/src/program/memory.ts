import { type OpenProgram, ResourceError } from '@cipherformer/compiler/server';
import { gib } from './summary.ts';

/** Throws ResourceError for a program that takes more memory than is free. */
export function checkMemory({ manifest }: OpenProgram, available: number): void {
  const { peakBytes } = manifest.predicted;
  if (peakBytes <= available) return;
  throw new ResourceError(
    `this program takes about ${gib(peakBytes)} of memory, ${gib(available)} are free here: stop other programs or use a larger machine`,
  );
}
