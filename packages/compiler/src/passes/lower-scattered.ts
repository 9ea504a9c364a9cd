import type { NodeOf } from '@cipherformer/model';
import { doublingSteps, tokenSlot } from '../packing/geometry.ts';
import { ScaleMatrix } from '../packing/scale-matrix.ts';
import { ScatterMatrix, scatteredCiphertexts, scatteredSlots, scatteredVectors } from '../packing/scatter-matrix.ts';
import { otherSlotsAreZero } from './empty-rows.ts';
import type { Lowered } from './groups.ts';
import { emitRotateSum, emitVectors, type Lowering, spread } from './lowering.ts';

/** From so many ciphertexts on, an output of one row is spread over the tokens: a level more, and far fewer of them. */
const fewestCiphertexts = 8;

/**
 * Whether the model ends in a linear map of a pooled row with so many outputs (documents of a search, words) that they are laid
 * out over all slots, and its pool is a plain sum or the first token.
 */
export function isScattered(lowering: Lowering, node: number, pool: NodeOf<'pool'> | undefined): boolean {
  const { geometry } = lowering;
  if (!pool || node !== lowering.output || lowering.placed.has(node)) return false;
  // One window: its first token is copied to all others of the example.
  if (geometry.windows > 1 || geometry.paddedTokens === 1) return false;
  if (lowering.matrixLayout(node).rows.blocks.length < fewestCiphertexts) return false;
  return takesFirst(pool) || (isSum(pool) && otherSlotsAreZero(lowering, pool.input));
}

const takesFirst = ({ weights }: NodeOf<'pool'>): boolean => weights.every((weight, t) => (weight !== 0) === (t === 0));

/** All tokens weigh the same. */
const isSum = ({ weights }: NodeOf<'pool'>): boolean => weights.every((weight) => weight === weights[0]);

/**
 * The pooled row is summed up, left at the first token alone, and copied to all of them, where each token's slots then hold outputs
 * of their own. Two levels, where a feature's row for each output takes one.
 */
export function lowerScattered(lowering: Lowering, node: number, pool: NodeOf<'pool'>): void {
  const { geometry, factors, nodes } = lowering;
  const { weight, bias, name } = nodes[node] as NodeOf<'linear'>;
  const { input, weights } = pool;
  const { rows } = lowering.matrixLayout(input);
  const factor = factors[node]!;
  const matrix = new ScatterMatrix(geometry, rows, weight, factor / factors[input]!);
  const ways = matrix.ways();
  const first = { period: geometry.rowLength, values: () => firstToken(lowering, weights[0]!) };
  const pick = new ScaleMatrix(rows.blocks.map(() => first));
  const steps = takesFirst(pool) ? [] : doublingSteps(1, geometry.paddedTokens);
  // Not the bias's own map, which would round to 32 bits.
  const vectors =
    bias &&
    scatteredVectors(
      geometry,
      Float64Array.from(bias, (value) => value * factor),
    );
  const result = lowering.extraTensor(node, '', scatteredCiphertexts(geometry, weight.rows));
  lowering.groups.push({
    source: name,
    operands: [{ tensor: lowering.tensorOf(input), above: 2 }],
    results: [result],
    emit(emitter, level, [registers]) {
      const blocks = spread(registers!, rows.blocks.length);
      const summed = emitRotateSum(emitter, name, level + 2, blocks, steps);
      const picked = summed.map(() => emitter.register());
      emitter.push({ op: 'linear', source: name, level: level + 2, inputs: summed, outputs: picked, matrix: pick, babySteps: [0], giantSteps: [0] });
      const inputs = emitRotateSum(emitter, name, level + 1, picked, doublingSteps(-1, geometry.paddedTokens));
      const outputs = Array.from({ length: matrix.outputs }, () => emitter.register());
      const linear = { op: 'linear', source: name, level: level + 1, inputs, outputs, matrix } as const;
      emitter.pushCheapest(ways.map((way) => [{ ...linear, ...way }]));
      return [vectors ? emitVectors(emitter, name, level, outputs, vectors) : outputs];
    },
  }); // biome-ignore format: one instruction
  lowering.scattered = {
    tensor: result,
    reads: Array.from({ length: matrix.outputs }, (_, ciphertext) => ({
      ciphertext,
      slots: scatteredSlots(geometry, weight.rows, ciphertext),
    })),
    period: geometry.slots,
  } satisfies Pick<Lowered['output'], 'tensor' | 'reads' | 'period'>;
}

function firstToken({ geometry }: Lowering, weight: number): Float64Array {
  const values = new Float64Array(geometry.slots);
  for (let row = 0; row < geometry.rows; row++)
    for (let example = 0; example < geometry.batch; example++)
      values[row * geometry.rowLength + tokenSlot(geometry, example, 0)] = weight;
  return values;
}
