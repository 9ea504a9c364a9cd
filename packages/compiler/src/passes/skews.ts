import type { HeadLayout } from '../packing/layout.ts';
import { SkewMatrix, type TokenRange } from '../packing/skew.ts';
import { type Lowering, spread } from './lowering.ts';

/** How many matrices skew the keys and the values: two cost a level more and far fewer diagonals. */
export interface SkewStages {
  readonly keys: 1 | 2;
  readonly values: 1 | 2;
}

/** Skewed copies of keys and values, made once for each. */
export class Skews {
  readonly #lowering: Lowering;
  readonly #stages: SkewStages;
  readonly #tensors = new Map<string, number>();

  constructor(lowering: Lowering, stages: SkewStages) {
    this.#lowering = lowering;
    this.#stages = stages;
  }

  /** The tensor that holds the copy of a node's value. */
  tensorOf(node: number, layout: HeadLayout, use: keyof SkewStages, range: TokenRange): number {
    const known = this.#tensors.get(`${use} ${node}`);
    if (known !== undefined) return known;
    const lowering = this.#lowering;
    const source = `${lowering.nodes[node]!.name} (skew)`;
    const matrices = SkewMatrix.stages(lowering.geometry, layout, range, this.#stages[use]);
    const ways = matrices.map((matrix) => matrix.ways());
    const tensor = lowering.extraTensor(node, ' (skew)', layout.blocks);
    lowering.groups.push({
      source,
      operands: [{ tensor: lowering.tensorOf(node), above: matrices.length }],
      results: [tensor],
      emit(emitter, level, [registers]) {
        let inputs = spread(registers!, layout.blocks);
        for (const [k, matrix] of matrices.entries()) {
          const outputs = inputs.map(() => emitter.register());
          const linear = { op: 'linear', source, level: level + matrices.length - k, inputs, outputs, matrix } as const;
          emitter.pushCheapest(ways[k]!.map((way) => [{ ...linear, ...way }]));
          inputs = outputs;
        }
        return [inputs];
      },
    });
    this.#tensors.set(`${use} ${node}`, tensor);
    return tensor;
  }
}
