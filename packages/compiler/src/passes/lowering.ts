import type { NodeOf } from '@cipherformer/model';
import type { Register, SlotVector } from '@cipherformer/runtime';
import { type Geometry, tokenSlot } from '../packing/geometry.ts';
import { FeatureVector, MapVector } from '../packing/vectors.ts';
import { otherSlotsAreZero } from './empty-rows.ts';
import type { Normalised } from './factors.ts';
import type { CipherTensor, Emitter, Group, InputTensor, Lowered } from './groups.ts';
import { ciphertextsOf, type ValueLayout } from './layouts.ts';
import type { Meanings, ModelNode } from './meaning.ts';
import { consumersOf } from './model.ts';

/** Slots may exceed 1 by this much and still count as within [-1, 1]. */
const roundingSlack = 1e-6;

/** What the lowering of each kind of node shares: the model with its factors and layouts, and the groups made so far. */
export class Lowering {
  readonly geometry: Geometry;
  readonly nodes: readonly ModelNode[];
  readonly meanings: Meanings;
  readonly factors: readonly number[];
  readonly layouts: readonly ValueLayout[];
  readonly consumers: readonly (readonly number[])[];
  readonly output: number;
  /** As the model has them. */
  readonly placed: ReadonlyMap<number, number>;
  readonly tensors: CipherTensor[] = [];
  readonly groups: Group[] = [];
  readonly inputs: InputTensor[] = [];
  /** The outputs, where they are laid out over all tokens. */
  scattered: Pick<Lowered['output'], 'tensor' | 'reads' | 'period'> | undefined;
  readonly #tensorOf = new Map<number, number>();

  constructor(geometry: Geometry, { model, factors }: Normalised, layouts: readonly ValueLayout[]) {
    this.geometry = geometry;
    this.nodes = model.nodes;
    this.meanings = model.meanings;
    this.output = model.output;
    this.placed = model.placed ?? new Map();
    this.factors = factors;
    this.layouts = layouts;
    this.consumers = consumersOf(model);
  }

  /** Makes the tensor of a node. */
  defineTensor(node: number): number {
    const tensor = this.extraTensor(node, '', ciphertextsOf(this.layouts[node]!));
    const mask = otherSlotsAreZero(this, node) ? {} : { mask: this.constantVectors(node, 1) };
    this.tensors[tensor] = { ...this.tensors[tensor]!, argument: this.#isArgument(node), ...mask };
    this.#tensorOf.set(node, tensor);
    return tensor;
  }

  /** Makes another tensor with the range of a node's value. */
  extraTensor(node: number, suffix: string, ciphertexts: number): number {
    this.tensors.push({ name: this.nodes[node]!.name + suffix, ciphertexts, refreshable: this.#isRefreshable(node) });
    return this.tensors.length - 1;
  }

  tensorOf(node: number): number {
    return this.#tensorOf.get(node)!;
  }

  isLowered(node: number): boolean {
    return this.#tensorOf.has(node);
  }

  /** How a value lies in slots that has to be a matrix. @throws TypeError for attention maps */
  matrixLayout(node: number): Extract<ValueLayout, { kind: 'matrix' }> {
    const layout = this.layouts[node]!;
    if (layout.kind !== 'matrix') throw new TypeError(`${this.nodes[node]!.name} is no matrix`);
    return layout;
  }

  /** The heads of a value that has to be attention maps. @throws TypeError for a matrix */
  mapLayout(node: number): Extract<ValueLayout, { kind: 'maps' }>['heads'] {
    const layout = this.layouts[node]!;
    if (layout.kind !== 'maps') throw new TypeError(`${this.nodes[node]!.name} is no attention map`);
    return layout.heads;
  }

  /** The shift a node adds to its slots so that they are a polynomial's argument; 0 where the polynomial adds it. */
  shiftOf(node: number): number {
    const { op } = this.nodes[node]!;
    return this.meanings[op].takesShift ? (this.#soleInterval(node)?.shift ?? 0) : 0;
  }

  /** The shift to add to the argument of a polynomial before its steps. */
  missingShift(polynomial: number): number {
    const node = this.nodes[polynomial]!;
    if (node.op !== 'polynomial') return 0;
    return this.shiftOf(node.input) === 0 ? shiftOf(node.program.interval) : 0;
  }

  /** The vectors to add to a polynomial's argument before its steps, or undefined where it is in [-1, 1] already. */
  shiftVectors(polynomial: number): SlotVector[] | undefined {
    const node = this.nodes[polynomial]!;
    const shift = this.missingShift(polynomial);
    if (node.op !== 'polynomial' || shift === 0) return undefined;
    const layout = this.layouts[node.input]!;
    if (layout.kind === 'maps' || !layout.uniform) return this.constantVectors(node.input, shift);
    // A uniform value fills all rows, those without a feature too: an argument there without its shift may explode.
    return [new FeatureVector(this.geometry, Int32Array.of(0), layout.extent, () => shift)];
  }

  /** A vector given by feature and token, for each ciphertext of a value; maps get the same number everywhere. */
  constantVectors(node: number, value: number): SlotVector[] {
    const layout = this.layouts[node]!;
    if (layout.kind === 'maps')
      return Array.from(
        { length: layout.heads.blocks },
        (_, block) => new MapVector(this.geometry, layout.heads, block, layout.extent.windows, () => value),
      );
    return this.featureVectors(node, () => value).slice(0, ciphertextsOf(layout));
  }

  /** A vector by feature and token, for each block. */
  featureVectors(node: number, at: (feature: number, token: number) => number): SlotVector[] {
    const { rows, extent } = this.matrixLayout(node);
    return rows.blocks.map((block) => new FeatureVector(this.geometry, block, extent, at));
  }

  #isRefreshable(node: number): boolean {
    return this.#isArgument(node) || this.nodes[node]!.bound * this.factors[node]! <= 1 + roundingSlack;
  }

  /** Whether its slots are the argument of the one polynomial that reads it. */
  #isArgument(node: number): boolean {
    const interval = this.#soleInterval(node);
    return interval !== undefined && (interval.shift === 0 || this.shiftOf(node) !== 0);
  }

  #soleInterval(node: number): { readonly shift: number } | undefined {
    const [only, ...others] = this.consumers[node]!;
    const consumer = only === undefined || others.length > 0 || node === this.output ? undefined : this.nodes[only];
    return consumer?.op === 'polynomial' ? { shift: shiftOf(consumer.program.interval) } : undefined;
  }
}

function shiftOf([lo, hi]: readonly [number, number]): number {
  return -(lo + hi) / (hi - lo);
}

/** 1 at the tokens that hold the value, or the weights of a pool, else 0: padding comes out as zero. `only`: at this token alone. */
export function tokenWeights(lowering: Lowering, from: number, pool?: NodeOf<'pool'>, only?: number): Float64Array {
  const { geometry } = lowering;
  const { windows, tokens } = lowering.matrixLayout(from).extent;
  const weights = new Float64Array(geometry.windows * geometry.paddedTokens);
  if (only !== undefined) {
    weights[tokenSlot(geometry, 0, only)] = 1;
    return weights;
  }
  for (let w = 0; w < windows; w++)
    for (let t = 0; t < tokens; t++) {
      const token = w * geometry.tokens + t;
      weights[tokenSlot(geometry, 0, token)] = pool ? pool.weights[token]! : 1;
    }
  return weights;
}

/** The registers of every block: a uniform value has one register for all of them. */
export function spread(registers: readonly Register[], blocks: number): Register[] {
  return Array.from({ length: blocks }, (_, k) => (registers.length === 1 ? registers[0]! : registers[k]!));
}

/** Adds a vector to each register. */
export function emitVectors(
  emitter: Emitter,
  source: string,
  level: number,
  registers: readonly Register[],
  vectors: readonly SlotVector[],
): Register[] {
  return registers.map((input, k) => {
    const output = emitter.register();
    emitter.push({ op: 'addVector', source, level, input, vector: vectors[k]!, output });
    return output;
  });
}

/** x = x + rotate(x, step) for each step, of each register; nothing where there are no steps. */
export function emitRotateSum(
  emitter: Emitter,
  source: string,
  level: number,
  registers: readonly Register[],
  steps: readonly number[],
): Register[] {
  if (steps.length === 0) return [...registers];
  return registers.map((input) => {
    const output = emitter.register();
    emitter.push({ op: 'rotateSum', source, level, input, steps, output });
    return output;
  });
}
