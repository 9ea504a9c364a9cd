import { programCost, type Step } from '@cipherformer/approx';
import type { NodeOf } from '@cipherformer/model';
import type { Register, SlotVector } from '@cipherformer/runtime';
import { doublingSteps } from '../packing/geometry.ts';
import type { Emitter } from './groups.ts';
import { ciphertextsOf } from './layouts.ts';
import { emitRotateSum, emitVectors, type Lowering, spread } from './lowering.ts';
import { scaleSteps } from './scale-steps.ts';

export function lowerAdd(lowering: Lowering, node: number): void {
  const { left, right } = lowering.nodes[node] as NodeOf<'add'>;
  lowerPairwise(lowering, node, 'add', left, right, 0);
}

export function lowerMultiply(lowering: Lowering, node: number): void {
  const { left, right } = lowering.nodes[node] as NodeOf<'multiply'>;
  lowerPairwise(lowering, node, 'multiply', left, right, 1);
}

/** The mask repeats in all rows: a value of one feature does. */
export function lowerMaskTokens(lowering: Lowering, node: number): void {
  const { input, mask } = lowering.nodes[node] as NodeOf<'maskTokens'>;
  lowerPairwise(lowering, node, 'multiply', input, mask, 1);
}

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
    operands: [left, right].map((value) => ({ part: lowering.partOf(value), above: levels })),
    results: [lowering.definePart(node)],
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

export function lowerAddTable(lowering: Lowering, node: number): void {
  const { input, table, name } = lowering.nodes[node] as NodeOf<'addTable'>;
  const factor = lowering.factors[node]!;
  const shift = lowering.shiftOf(node);
  const vectors = lowering.featureVectors(node, (f, t) => table.values[t * table.columns + f]! * factor + shift);
  lowering.groups.push({
    source: name,
    operands: [{ part: lowering.partOf(input), above: 0 }],
    results: [lowering.definePart(node)],
    emit(emitter, level, [registers]) {
      return [emitVectors(emitter, name, level, spread(registers!, vectors.length), vectors)];
    },
  });
}

/** The sum over the rows of a period, in every row; that it is a mean is in the factor. */
export function lowerMeanFeatures(lowering: Lowering, node: number): void {
  const { input, name } = lowering.nodes[node] as NodeOf<'meanFeatures'>;
  const { rows } = lowering.matrixLayout(input);
  const steps = doublingSteps(lowering.geometry.rowLength, rows.period);
  lowering.groups.push({
    source: name,
    operands: [{ part: lowering.partOf(input), above: 0 }],
    results: [lowering.definePart(node)],
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
export function lowerPolynomial(lowering: Lowering, node: number): void {
  const { input, program, name } = lowering.nodes[node] as NodeOf<'polynomial'>;
  // Steps that cannot take a factor have got the factor 1.
  const steps = scaleSteps(program.steps, lowering.factors[node]!)!;
  const { levels } = programCost({ interval: [-1, 1], steps });
  const vectors = lowering.shiftVectors(node);
  lowering.groups.push({
    source: name,
    operands: [{ part: lowering.partOf(input), above: levels }],
    results: [lowering.definePart(node)],
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
