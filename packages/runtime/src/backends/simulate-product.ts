import { modulo } from '@cipherformer/base';
import type { NoiseModel } from '@cipherformer/ckks';
import type { InstructionOf, Register, RotatedCopy } from '../program/instructions.ts';
import { hasMasks } from '../program/levels.ts';
import { termGroups } from '../program/term-groups.ts';
import { rotated } from './clear.ts';

/** What of a simulation a product sum needs. */
export interface ProductSimulation {
  readonly model: NoiseModel;
  readonly masks: readonly Float64Array[];
  readonly levels: ReadonlyMap<Register, number>;
  /** The variance that a key switch adds at a level. */
  keySwitch(level: number): number;
  /** Adds noise of this variance of a coefficient to the slots, at the canonical scale of the level, and returns them. */
  noisy(values: Float64Array, variance: number, level: number): Float64Array;
}

type Side = 'left' | 'right';

/**
 * A product sum with the noise of how it is computed: rotations with key errors, made once for all their uses; packed, sides
 * without masks of every second term are those of the term before, turned once for all, and one side has half the scale, which
 * doubles its errors in the slots. What turning the sums of groups adds is at the square of the scale, and nothing after the rescale.
 */
export function simulateProduct(
  instruction: InstructionOf<'productSum'>,
  read: (register: Register) => Float64Array,
  simulation: ProductSimulation,
): Float64Array {
  const { terms, packing, level } = instruction;
  const { model } = simulation;
  const product = level - (hasMasks(instruction) ? 1 : 0);
  const sides = sidesOf(instruction, read, product, simulation);
  const sum = new Float64Array(read(instruction.left).length);
  const { groups } = termGroups(instruction, sum.length);
  const turns = groups.flatMap(({ turn, left: { copies } }) => copies.map(() => turn));
  for (const [i, { left, right }] of terms.entries()) {
    // A last term without a partner is by itself.
    const second = packing !== undefined && i % 2 === 1;
    const back = turns[packing ? Math.floor(i / 2) : i] ?? 0;
    const [a, b] = [sides.left(left, second, back), sides.right(right, second, back)];
    const products = rotated(a.map((value, s) => value * b[s]!), back); // biome-ignore format: short
    for (let s = 0; s < sum.length; s++) sum[s]! += products[s]!;
  }
  const variance = model.relineariseRescale(0, product);
  if (!packing) return simulation.noisy(sum, variance, product - 1);
  // x + conj(x) doubles the error at half the scale, and the conjugation adds its own.
  return simulation.noisy(sum, 4 * variance + simulation.keySwitch(product - 1), product - 1);
}

/** The factors of a side: of these copies, where they are of the second term of a pair, turned back by so much. */
type Factors = (copies: readonly RotatedCopy[], second: boolean, back: number) => Float64Array;

function sidesOf(
  instruction: InstructionOf<'productSum'>,
  read: (register: Register) => Float64Array,
  product: number,
  simulation: ProductSimulation,
): Readonly<Record<Side, Factors>> {
  const { packing, level } = instruction;
  const halved = halvedSide(instruction, simulation.levels);
  const known = new Map<string, Float64Array>();
  const side = (name: Side): Factors => {
    const register = instruction[name];
    // In slots the error of half the scale is twice as large.
    const errors = name === halved ? 4 : 1;
    const moves = name === halved && product === level;
    const whole = moves
      ? simulation.noisy(read(register).slice(), errors * simulation.model.rounding(), product)
      : read(register);
    const turn = packing?.[name];
    const switched = (at: number) => (moves ? errors : 1) * simulation.keySwitch(at);
    const turned = turn === undefined ? undefined : simulation.noisy(rotated(whole, turn), switched(product), product);
    const rotation = (source: string, from: Float64Array, by: number, at: number) => {
      const steps = modulo(by, from.length);
      const key = `${source}/${steps}`;
      const values = known.get(key) ?? rotated(from, steps);
      if (steps !== 0 && !known.has(key)) simulation.noisy(values, switched(at), at);
      known.set(key, values);
      return values;
    };
    const source = moves ? name : `${register}`;
    return (copies, second, back) => {
      const first = copies[0]!;
      if (first.mask === undefined)
        return second && turned
          ? rotation(`${name} turned`, turned, first.rotation - turn! - back, product)
          : rotation(source, whole, first.rotation - back, product);
      const total = new Float64Array(whole.length);
      for (const copy of copies) {
        const values = rotation(source, whole, copy.rotation - back, level);
        const factors = rotated(simulation.masks[copy.mask!]!, -back);
        for (let s = 0; s < total.length; s++) total[s]! += values[s]! * factors[s]!;
      }
      return simulation.noisy(total, errors * simulation.model.rounding(), product);
    };
  };
  return { left: side('left'), right: side('right') };
}

/** The side with half the scale, where terms are packed: the one that masks or a rescale bring to any scale. */
function halvedSide(
  { terms, packing, left, level }: InstructionOf<'productSum'>,
  levels: ReadonlyMap<Register, number>,
): Side | undefined {
  if (!packing) return undefined;
  const isMasked = (side: Side) => terms[0]![side][0]!.mask !== undefined;
  if (isMasked('right')) return 'right';
  if (isMasked('left')) return 'left';
  return levels.get(left)! > level ? 'left' : 'right';
}
