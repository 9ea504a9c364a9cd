import { ParameterError } from '../errors/index.ts';
import type { Parameters } from './parameters.ts';

/** One use of the secret that a stranger may ask for: a key for this Galois element, level and number of special primes. */
export interface KeyUse {
  /** X -> X^galois: odd, from 1 to 2N - 1. 1 stands for keys without a rotation (relinearisation). */
  readonly galois: number;
  /** The highest level the key serves, 0 to the parameters' maxLevel. */
  readonly level: number;
  /** Special primes of its gadget, 1 to the parameters' specialCount. */
  readonly special: number;
}

const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;

/**
 * Throws ParameterError for a key that must never be made: an even Galois element maps the secret to one that repeats, and
 * such a key gives the secret away; a level or gadget beyond the parameters has no modulus to be secure under.
 */
export function checkKeyUse(parameters: Parameters, { galois, level, special }: KeyUse): void {
  const { n, maxLevel, specialCount } = parameters;
  if (!whole(galois, 1, 2 * n - 1) || galois % 2 === 0)
    throw new ParameterError(
      `Galois element ${galois} has no key: it must be odd, from 1 to ${2 * n - 1}; a key of another one would give the secret away`,
    );
  if (!whole(level, 0, maxLevel))
    throw new ParameterError(`no key has level ${level}: these parameters have levels 0 to ${maxLevel}`);
  if (!whole(special, 1, specialCount))
    throw new ParameterError(`no key has ${special} special primes: these parameters have 1 to ${specialCount}`);
  if (!parameters.gadgetWith(level, special))
    throw new ParameterError(
      `no key at level ${level} has ${special} special primes: a prime of the chain is larger than their product; use more`,
    );
}
