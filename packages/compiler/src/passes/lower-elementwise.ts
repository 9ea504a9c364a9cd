import { programCost, type Step } from '@cipherformer/approx';
import type { NodeOf } from '@cipherformer/model';
import type { Register, SlotVector } from '@cipherformer/runtime';
import { doublingSteps } from '../packing/geometry.ts';
import type { Emitter } from './groups.ts';
import { ciphertextsOf } from './layouts.ts';
import { emitRotateSum, emitVectors, type Lowering, spread } from './lowering.ts';
import type { Operations } from './operation.ts';
import { scaleSteps } from './scale-steps.ts';

/** What is done to each number alone or to pairs of numbers, and sums within a token. */
export const elementwiseOperations: Operations<
  'add' | 'multiply' | 'maskTokens' | 'addTable' | 'meanFeatures' | 'polynomial'
> = {
  add: {
    factor: ({ left, right }) => ({ kind: 'shared', operands: [left, right] }),
    sameLayout: ({ left, right }) => [left, right],
    isUniform: ({ left, right }, uniform) => uniform(left) && uniform(right),
    emptyRowsAreZero: ({ left, right }, zero) => zero(left) && zero(right),
    otherSlotsAreZero: ({ left, right }, zero) => zero(left) && zero(right),
    takesShift: false,
    lower: ({ left, right }, i, { lowering }) => lowerPairwise(lowering, i, 'add', left, right, 0),
  },
  multiply: {
    factor: ({ left, right }) => ({ kind: 'product', kept: left, changed: right }),
    sameLayout: ({ left, right }) => [left, right],
    isUniform: ({ left, right }, uniform) => uniform(left) && uniform(right),
    emptyRowsAreZero: ({ left, right }, zero) => zero(left) || zero(right),
    otherSlotsAreZero: ({ left, right }, zero) => zero(left) || zero(right),
    takesShift: false,
    lower: ({ left, right }, i, { lowering }) => lowerPairwise(lowering, i, 'multiply', left, right, 1),
  },
  maskTokens: {
    factor: ({ input }) => ({ kind: 'shared', operands: [input] }),
    unit: ({ mask }) => mask,
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: ({ input }, zero) => zero(input),
    otherSlotsAreZero: ({ input }, zero) => zero(input),
    takesShift: false,
    // The mask repeats in all rows: a value of one feature does.
    lower: ({ input, mask }, i, { lowering }) => lowerPairwise(lowering, i, 'multiply', input, mask, 1),
  },
  addTable: {
    factor: ({ input }) => ({ kind: 'shared', operands: [input] }),
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: ({ input }, zero) => zero(input),
    otherSlotsAreZero: ({ input }, zero) => zero(input),
    takesShift: true,
    lower: (node, i, { lowering }) => lowerAddTable(lowering, node, i),
  },
  meanFeatures: {
    // That the sum is a mean is in the factor.
    factor: ({ input }, { columns }) => ({ kind: 'multiple', operand: input, times: columns }),
    sameLayout: ({ input }) => [input],
    isUniform: () => true,
    emptyRowsAreZero: () => false,
    otherSlotsAreZero: ({ input }, zero) => zero(input),
    spoilt: ({ input }, unclean) => (unclean(input) ? input : undefined),
    takesShift: false,
    lower: (node, i, { lowering }) => lowerMeanFeatures(lowering, node, i),
  },
  polynomial: {
    factor: ({ program }) => ({ kind: scaleSteps(program.steps, 0.5) ? 'free' : 'one' }),
    wanted({ input, program }) {
      const [lo, hi] = program.interval;
      return { operand: input, factor: 2 / (hi - lo) };
    },
    sameLayout: ({ input }) => [input],
    isUniform: ({ input }, uniform) => uniform(input),
    emptyRowsAreZero: () => false,
    otherSlotsAreZero: () => false,
    takesShift: false,
    lower(node, i, { lowering, sentinel }) {
      sentinel.watch(i);
      lowerPolynomial(lowering, node, i);
    },
  },
};

function lowerPairwise(
  lowering: Lowering,
  node: number,
  op: 'add' | 'multiply',
  left: number,
  right: number,
  levels: number,
): void {
  const source = lowering.nodes[node]!.name;
  const blocks = ciphertextsOf(lowering.layouts[node]!);
  lowering.groups.push({
    source,
    operands: [left, right].map((value) => ({ tensor: lowering.tensorOf(value), above: levels })),
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [lefts, rights]) {
      const others = spread(rights!, blocks);
      return [
        spread(lefts!, blocks).map((register, k): Register => {
          const output = emitter.register();
          emitter.push({ op, source, level: level + levels, left: register, right: others[k]!, output });
          return output;
        }),
      ];
    },
  });
}

function lowerAddTable(lowering: Lowering, { input, table, name }: NodeOf<'addTable'>, node: number): void {
  const factor = lowering.factors[node]!;
  const shift = lowering.shiftOf(node);
  const vectors = lowering.featureVectors(node, (f, t) => table.values[t * table.columns + f]! * factor + shift);
  lowering.groups.push({
    source: name,
    operands: [{ tensor: lowering.tensorOf(input), above: 0 }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      return [emitVectors(emitter, name, level, spread(registers!, vectors.length), vectors)];
    },
  });
}

/** The sum over the rows of a period, in every row. */
function lowerMeanFeatures(lowering: Lowering, { input, name }: NodeOf<'meanFeatures'>, node: number): void {
  const { rows } = lowering.matrixLayout(input);
  const steps = doublingSteps(lowering.geometry.rowLength, rows.period);
  lowering.groups.push({
    source: name,
    operands: [{ tensor: lowering.tensorOf(input), above: 0 }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      const sum = spread(registers!, rows.blocks.length).reduce((left, right) => {
        const output = emitter.register();
        emitter.push({ op: 'add', source: name, level, left, right, output });
        return output;
      });
      return [emitRotateSum(emitter, name, level, [sum], steps)];
    },
  });
}

/** The steps with the result's factor in their coefficients, of a value moved to [-1, 1] where nobody else has. */
function lowerPolynomial(lowering: Lowering, { input, program, name }: NodeOf<'polynomial'>, node: number): void {
  // Steps that cannot take a factor have got the factor 1.
  const steps = scaleSteps(program.steps, lowering.factors[node]!)!;
  const { levels } = programCost({ interval: [-1, 1], steps });
  const vectors = lowering.shiftVectors(node);
  lowering.groups.push({
    source: name,
    operands: [{ tensor: lowering.tensorOf(input), above: levels }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      return [emitPolynomials(emitter, name, level + levels, registers!, steps, vectors)];
    },
  });
}

function emitPolynomials(
  emitter: Emitter,
  source: string,
  level: number,
  registers: readonly Register[],
  steps: readonly Step[],
  vectors: readonly SlotVector[] | undefined,
): Register[] {
  const moved = vectors ? emitVectors(emitter, source, level, registers, vectors) : registers;
  return moved.map((input) => {
    const output = emitter.register();
    emitter.push({ op: 'polynomial', source, level, input, steps, output });
    return output;
  });
}
