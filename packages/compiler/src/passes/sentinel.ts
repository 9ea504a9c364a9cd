import type { Geometry } from '../packing/geometry.ts';
import type { Lowered } from './groups.ts';
import { ciphertextsOf } from './layouts.ts';
import { emitVectors, type Lowering } from './lowering.ts';

/** How far outside its interval an argument has to be to be found for certain: |t| >= tolerance, where [-1, 1] is in range. */
export const tolerance = 1.1;

/**
 * Coefficients of more than half a period wrap around the modulus at level 0, 2^9 for the usual parameters of bootstraps. What has
 * wrapped comes out below the limit everywhere with a chance of (limit / 2^9)^(distinct slots), which is none for limits up to
 * this share of a period; higher ones take a level with room for 2^40 times as much.
 */
const highestLimitAtLevel0 = 2 ** 5 / 2 ** 10;

/** Between the sums of arguments in range and those of an argument out of range: room for noise on either side. */
const gap = 1.4;

/**
 * Squarings so that one argument at the tolerance outweighs `sites` arguments at the ends of their intervals:
 * tolerance^(2^squarings) >= gap * sites.
 */
export function squaringsFor(sites: number): number {
  return Math.ceil(Math.log2(Math.log(gap * sites) / Math.log(tolerance)));
}

/** The middle, by ratio, of the largest sum in range and the least sum of an argument at the tolerance. */
export function limitFor(sites: number): number {
  return Math.sqrt(sites * tolerance ** (2 ** squaringsFor(sites)));
}

/**
 * The sum over all polynomials of t^(2^k) slot by slot, where t is the argument mapped to [-1, 1]. In range it is at most
 * the number of terms, whatever the input; one argument out of range by a tenth is more. Powers that high are below the
 * ciphertext's noise for most arguments in range, so the sum tells hardly anything of them. What bootstraps refresh is
 * known later, and counts as one more term (`RefreshCheck`).
 * Cost: k products a ciphertext at the lowest levels, and no bootstrap of its own.
 */
export class SentinelLowering {
  readonly #lowering: Lowering;
  readonly #squarings: number;
  readonly #limit: number;
  readonly #period: number;
  readonly #watched = new Set<string>();
  #tensor: number | undefined;

  /** @param period values so far apart are one at level 0 */
  constructor(lowering: Lowering, period: number) {
    this.#lowering = lowering;
    this.#period = period;
    const sites = new Map<string, number>();
    for (const [i, node] of lowering.nodes.entries())
      if (node.op === 'polynomial') sites.set(this.#siteOf(i), ciphertextsOf(lowering.layouts[node.input]!));
    // One more for all refreshed values together.
    const terms = [...sites.values()].reduce((sum, ciphertexts) => sum + ciphertexts, 1);
    this.#squarings = squaringsFor(terms);
    this.#limit = limitFor(terms);
  }

  /** Adds the argument of a polynomial; polynomials with the same argument count once. */
  watch(polynomial: number): void {
    const site = this.#siteOf(polynomial);
    if (this.#watched.has(site)) return;
    this.#watched.add(site);
    const lowering = this.#lowering;
    const node = lowering.nodes[polynomial]!;
    if (node.op !== 'polynomial') throw new TypeError(`${node.name} is no polynomial`);
    const vectors = lowering.shiftVectors(polynomial);
    const source = `${node.name} (sentinel)`;
    const squarings = this.#squarings;
    const before = this.#tensor;
    const tensor = lowering.tensors.push({ name: source, ciphertexts: 1, refreshable: false }) - 1;
    this.#tensor = tensor;
    lowering.groups.push({
      source,
      operands: [
        { tensor: lowering.tensorOf(node.input), above: squarings },
        ...(before === undefined ? [] : [{ tensor: before, above: 0 }]),
      ],
      results: [tensor],
      emit(emitter, level, [registers, sums]) {
        const top = level + squarings;
        const moved = vectors ? emitVectors(emitter, source, top, registers!, vectors) : registers!;
        const powers = moved.map((argument) => {
          let power = argument;
          for (let at = top; at > level; at--) {
            const output = emitter.register();
            emitter.push({ op: 'multiply', source, level: at, left: power, right: power, output });
            power = output;
          }
          return power;
        });
        const sum = [...(sums ?? []), ...powers].reduce((left, right) => {
          const output = emitter.register();
          emitter.push({ op: 'add', source, level, left, right, output });
          return output;
        });
        return [[sum]];
      },
    });
  }

  /** Without a tensor for a model without polynomials. */
  get result(): NonNullable<Lowered['sentinel']> {
    const level = this.#limit <= highestLimitAtLevel0 * this.#period ? 0 : 1;
    const slots = slotsByExample(this.#lowering.geometry);
    return { tensor: this.#tensor, level, squarings: this.#squarings, limit: this.#limit, slots };
  }

  #siteOf(polynomial: number): string {
    const node = this.#lowering.nodes[polynomial]!;
    return node.op === 'polynomial' ? `${node.input} ${node.program.interval.join(' ')}` : '';
  }
}

/** Every slot, those of the first example before those of the next. */
function slotsByExample({ slots, batch, rowLength }: Geometry): Int32Array {
  const perExample = slots / batch;
  const perRow = rowLength / batch;
  return Int32Array.from({ length: slots }, (_, i) => {
    const example = Math.floor(i / perExample);
    const own = i % perExample;
    return Math.floor(own / perRow) * rowLength + example * perRow + (own % perRow);
  });
}
