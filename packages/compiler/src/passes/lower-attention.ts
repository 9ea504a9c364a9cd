import type { NodeOf } from '@cipherformer/model';
import type { ProductTerm, Register } from '@cipherformer/runtime';
import { attendSteps, attendTerms, type MaskNumber, scoreTerms, type Terms } from '../packing/attention.ts';
import type { HeadLayout } from '../packing/layout.ts';
import { keyRange, SkewMatrix, type TokenRange, valueRange } from '../packing/skew.ts';
import { MapVector } from '../packing/vectors.ts';
import { Emitter } from './groups.ts';
import { emitRotateSum, emitVectors, type Lowering, spread } from './lowering.ts';

/** How many matrices skew the keys and the values: two cost a level more and far fewer diagonals. */
export interface SkewStages {
  readonly keys: 1 | 2;
  readonly values: 1 | 2;
}

/** Lowers attentions; skewed copies are made once for each key or value. */
export class AttentionLowering {
  readonly #lowering: Lowering;
  readonly #stages: SkewStages;
  readonly #skewed = new Map<string, number>();

  constructor(lowering: Lowering, stages: SkewStages) {
    this.#lowering = lowering;
    this.#stages = stages;
  }

  /** Scores: skew the keys, then one level for products with the queries, and one before where queries have masks. */
  scores(node: number): void {
    const { geometry, factors, nodes } = this.#lowering;
    const { name, query, key, offset, heads } = nodes[node] as NodeOf<'scores'>;
    const layout = this.#lowering.mapLayout(node);
    const skewed = this.#skew(key, layout, 'keys', keyRange(geometry, layout));
    const shift = this.#lowering.shiftOf(node);
    const { tokens } = geometry;
    const offsetAt = (head: number, query: number, key: number) => {
      if (!offset) return 0;
      return offset.length === heads ? offset[head]! : offset[(head * tokens + query) * tokens + key]!;
    };
    const factor = factors[node]!;
    const terms = (emitter: Emitter) => scoreTerms(geometry, layout, maskNumber(emitter, layout));
    this.#lowering.groups.push({
      source: name,
      operands: [
        { part: this.#lowering.partOf(query), above: levelsOfTerms(terms(new Emitter())) },
        { part: skewed, above: 1 },
      ],
      results: [this.#lowering.definePart(node)],
      emit(emitter, level, [queries, keys]) {
        const all = terms(emitter);
        const products = emitProducts(emitter, name, level, queries!, keys!, layout.blocks, () => all);
        if (!offset && shift === 0) return [products];
        const vectors = products.map(
          (_, block) =>
            new MapVector(geometry, layout, block, (head, query, key) => offsetAt(head, query, key) * factor + shift),
        );
        return [emitVectors(emitter, name, level, products, vectors)];
      },
    });
  }

  /** Maps times values: skew the values, then one level for the products, and one before where values have masks. */
  attend(node: number): void {
    const { geometry, nodes } = this.#lowering;
    const { name, maps, value, causal, weights } = nodes[node] as NodeOf<'attend'>;
    const mapHeads = this.#lowering.mapLayout(maps);
    // The heads of a value have the width of its features; rows are shared as those of the maps.
    const { period } = this.#lowering.matrixLayout(value).rows;
    const layout = { ...mapHeads, paddedWidth: period / mapHeads.headsPerBlock };
    const skewed = this.#skew(value, layout, 'values', valueRange(geometry, layout));
    const steps = attendSteps(geometry, layout);
    const { tokens } = geometry;
    const keyWeights = (block: number) =>
      weights && {
        key: `${name} ${block}`,
        block,
        at: (head: number, query: number, key: number) => weights[(head * tokens + query) * tokens + key]!,
      };
    const terms = (emitter: Emitter, block: number) =>
      attendTerms(geometry, layout, causal, maskNumber(emitter, layout), keyWeights(block));
    this.#lowering.groups.push({
      source: name,
      operands: [
        { part: this.#lowering.partOf(maps), above: 1 },
        { part: skewed, above: levelsOfTerms(terms(new Emitter(), 0)) },
      ],
      results: [this.#lowering.definePart(node)],
      emit(emitter, level, [lefts, values]) {
        const products = emitProducts(emitter, name, level, lefts!, values!, layout.blocks, (block) =>
          terms(emitter, block),
        );
        return [emitRotateSum(emitter, name, level, products, steps)];
      },
    });
  }

  #skew(node: number, layout: HeadLayout, use: keyof SkewStages, range: TokenRange): number {
    const known = this.#skewed.get(`${use} ${node}`);
    if (known !== undefined) return known;
    const lowering = this.#lowering;
    const source = `${lowering.nodes[node]!.name} (skew)`;
    const matrices = SkewMatrix.stages(lowering.geometry, layout, range, this.#stages[use]);
    const ways = matrices.map((matrix) => matrix.ways());
    const part = lowering.extraPart(node, ' (skew)', layout.blocks);
    lowering.groups.push({
      source,
      operands: [{ part: lowering.partOf(node), above: matrices.length }],
      results: [part],
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
    this.#skewed.set(`${use} ${node}`, part);
    return part;
  }
}

/** Levels from the side with masks to the result. */
function levelsOfTerms({ masked }: Terms): number {
  return masked.length > 0 ? 2 : 1;
}

/** The sum of all terms for each block, at `level`. */
function emitProducts(
  emitter: Emitter,
  source: string,
  level: number,
  lefts: readonly Register[],
  rights: readonly Register[],
  blocks: number,
  termsOf: (block: number) => Terms,
): Register[] {
  const others = spread(rights, blocks);
  const product = (left: Register, right: Register, terms: readonly ProductTerm[], levels: number): Register => {
    const output = emitter.register();
    emitter.push({ op: 'productSum', source, level: level + levels, left, right, terms, output });
    return output;
  };
  return spread(lefts, blocks).map((left, k) => {
    const right = others[k]!;
    const { plain, masked } = termsOf(k);
    if (masked.length === 0) return product(left, right, plain, 1);
    const first = product(left, right, masked, 2);
    if (plain.length === 0) return first;
    const second = product(left, right, plain, 1);
    const output = emitter.register();
    emitter.push({ op: 'add', source, level, left: first, right: second, output });
    return output;
  });
}

/** Masks by column are the same for all attentions with as many heads in a ciphertext; weights name theirs. */
function maskNumber(emitter: Emitter, { headsPerBlock }: HeadLayout): MaskNumber {
  return (key, make) => emitter.mask(`${key} heads ${headsPerBlock}`, make);
}
