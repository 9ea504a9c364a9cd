import { type OpenProgram, ResourceError } from '@cipherformer/compiler/server';
import { gib } from './summary.ts';

/** Throws ResourceError for a program that takes more memory than is free. */
export function checkMemory({ manifest }: Pick<OpenProgram, 'manifest'>, available: number): void {
  const { peakBytes } = manifest.predicted;
  if (peakBytes <= available) return;
  // Rounded apart: two equal numbers would not say why.
  const hundredth = 2 ** 30 / 100;
  const needed = gib(Math.ceil(peakBytes / hundredth) * hundredth);
  const free = gib(Math.floor(available / hundredth) * hundredth);
  throw new ResourceError(
    `this program takes about ${needed} of memory, ${free} are free here: stop other programs or use a larger machine`,
  );
}
