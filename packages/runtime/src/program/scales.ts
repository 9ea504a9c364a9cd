import type { Parameters } from '@cipherformer/ckks';
import { ProgramError } from '../errors.ts';

/**
 * The scale that every register of a level has: the parameters' at the level a bootstrap gives, below it what a product of
 * two canonical factors has after rescaling, scale(l - 1) = scale(l)^2 / q_l. So registers of one level can be added, and
 * products need no adjusting.
 */
export class CanonicalScales {
  readonly #scales: readonly number[];

  /** @param top the highest level of a program's registers: a bootstrap's output level */
  constructor(parameters: Parameters, top: number) {
    const scales = [parameters.scale];
    for (let level = top; level > 0; level--) scales.unshift(scales[0]! ** 2 / parameters.primeAt(level));
    this.#scales = scales;
  }

  /** @throws ProgramError for a level above the top */
  at(level: number): number {
    const scale = this.#scales[level];
    if (scale === undefined)
      throw new ProgramError(`level ${level} is above the level ${this.#scales.length - 1} that a bootstrap gives`);
    return scale;
  }
}
