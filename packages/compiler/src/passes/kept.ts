import type { Register } from '@cipherformer/runtime';
import { ScaleMatrix } from '../packing/scale-matrix.ts';
import type { Emitter } from './groups.ts';
import { ciphertextsOf } from './layouts.ts';
import type { Lowering } from './lowering.ts';

/** What of a sequence is known already, and what a run adds. */
export type TokenPosition =
  /** The first so many tokens, a prompt: the run keeps their keys and values. */
  | { readonly kind: 'prompt'; readonly tokens: number }
  /** One token at this position, counted from 0: the run adds its keys and values to those that were kept. */
  | { readonly kind: 'token'; readonly position: number };

/**
 * Keys and values that a server keeps from run to run, before any skew: rows by token, zero where there is no token yet. A new
 * token's are the same in all rows; a public mask puts them into its own, and an addition to the others. So what is kept stays
 * at one level for as many tokens as there are rows, and is never refreshed.
 */
export class KeptTensors {
  readonly inputs: number[] = [];
  readonly outputs: number[] = [];
  readonly #lowering: Lowering;
  readonly #position: TokenPosition;

  constructor(lowering: Lowering, position: TokenPosition) {
    this.#lowering = lowering;
    this.#position = position;
  }

  /** Keeps the rows of a value that belong to the prompt. Cost: a plaintext product, one level. */
  keep(node: number): void {
    const lowering = this.#lowering;
    const tensor = this.#tensor(node);
    const { emit, source } = this.#masked(node);
    lowering.groups.push({
      source,
      operands: [{ tensor: lowering.tensorOf(node), above: 1 }],
      results: [tensor],
      emit: (emitter, level, [registers]) => [emit(emitter, level, registers!)],
    });
    this.outputs.push(tensor);
  }

  /**
   * What was kept of a value, with the new token's. Cost: an addition, and for a value that is not at its row alone a plaintext
   * product and a level.
   */
  withNewToken(node: number): number {
    const lowering = this.#lowering;
    const before = this.#tensor(node);
    const after = this.#tensor(node);
    const placed = lowering.placed.has(node);
    const { emit, source } = this.#masked(node);
    lowering.groups.push({
      source,
      operands: [
        { tensor: lowering.tensorOf(node), above: placed ? 0 : 1 },
        { tensor: before, above: 0 },
      ],
      results: [after],
      emit(emitter, level, [registers, kept]) {
        const added = placed ? registers! : emit(emitter, level, registers!);
        return [
          kept!.map((left, k) => {
            const output = emitter.register();
            emitter.push({ op: 'add', source, level, left, right: added[k]!, output });
            return output;
          }),
        ];
      },
    });
    this.inputs.push(before);
    this.outputs.push(after);
    return after;
  }

  #tensor(node: number): number {
    const { tensors, nodes, layouts } = this.#lowering;
    const name = `${nodes[node]!.name} (kept)`;
    return tensors.push({ name, ciphertexts: ciphertextsOf(layouts[node]!), refreshable: false }) - 1;
  }

  /** The rows of a value that this run knows, others zero. */
  #masked(node: number) {
    const lowering = this.#lowering;
    const position = this.#position;
    const known = (token: number) =>
      position.kind === 'prompt' ? token < position.tokens : token === position.position;
    const source = `${lowering.nodes[node]!.name} (kept)`;
    const vectors = lowering.featureVectors(node, (_, token) => (known(token) ? 1 : 0));
    const matrix = new ScaleMatrix(vectors.slice(0, ciphertextsOf(lowering.layouts[node]!)));
    const steps = { babySteps: [0], giantSteps: [0] };
    const emit = (emitter: Emitter, level: number, inputs: readonly Register[]): Register[] => {
      const outputs = inputs.map(() => emitter.register());
      emitter.push({ op: 'linear', source, level: level + 1, inputs, outputs, matrix, ...steps });
      return outputs;
    };
    return { source, emit };
  }
}
