import { Ciphertext, checkConstant, checkScale, type Evaluator, sameScale, scaledInteger } from '@cipherformer/ckks';
import { ProgramError } from '../errors.ts';

/**
 * The same value at a lower level with this scale: a new ciphertext. Where the scale changes, multiplied by 1 encoded at
 * the level above, and rescaled: the level there has to be free. Cost: nothing but a copy, or one rescale.
 * @throws OperandError where 1 at that scale does not fit
 */
export function bringDown(evaluator: Evaluator, a: Ciphertext, level: number, scale: number): Ciphertext {
  const { ring, parameters } = evaluator.context;
  const keep = sameScale(a.scale, scale);
  if (a.level < level + (keep ? 0 : 1))
    throw new ProgramError(`a register at level ${a.level} cannot be brought to another scale at level ${level}`);
  if (keep) return scaled(evaluator, a, level, 1n, a.scale);
  const prime = parameters.primeAt(level + 1);
  checkScale(parameters, scale, level);
  checkConstant(parameters, 1, scale * prime, level + 1);
  // The integer's own rounding is 2^-40 of it: the scale counts as exact.
  using product = scaled(evaluator, a, level + 1, scaledInteger(1, (scale * prime) / a.scale), scale * prime);
  const result = new Ciphertext(evaluator.context, level, scale, a.slots);
  const pairs = [0, 1].map((part) => ({ dst: result.part(part), src: product.part(part) }));
  ring.divide(pairs, result.basis, [level + 1]);
  return result;
}

function scaled(evaluator: Evaluator, a: Ciphertext, level: number, factor: bigint, scale: number): Ciphertext {
  const result = a.like({ level, scale });
  for (const part of [0, 1])
    evaluator.context.ring.multiplyScalar(result.part(part), a.part(part), factor, result.basis);
  return result;
}
