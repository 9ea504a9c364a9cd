// What tests of the back ends share: a small insecure machine, and programs written by hand.
import {
  type BootstrapKeys,
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  bootstrapLiteral,
  type Ciphertext,
  Context,
  decryptToPlaintext,
  Encoder,
  EvaluationKeys,
  encryptSymmetric,
  gadgetOf,
  KeyGenerator,
  type KeySet,
  type KeySpec,
  longBootstrapChain,
  Parameters,
  randomSeed,
  SecretKey,
  type SwitchingKey,
} from '@cipherformer/ckks';
import type { CkksMachine } from '../../src/backends/ckks.ts';
import { type PlannedProgram, planProgram } from '../../src/keys/planned-program.ts';
import type { EncryptedProgram, Instruction, SlotMatrix } from '../../src/program/instructions.ts';
import { CanonicalScales } from '../../src/program/scales.ts';
import { distrust } from '../../src/program/trust.ts';

/** N = 2^11: the default chain far below any security. */
export const insecureLiteral = bootstrapLiteral({ ...longBootstrapChain, logN: 11 });
export const slots = 2 ** 10;

/** mulberry32 in [-1, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export function randomVector(seed: number, size = 1, length = slots): Float64Array {
  const next = uniform(seed);
  return Float64Array.from({ length }, () => size * next());
}

/** A matrix with the given rotations and random diagonals, the same whenever they are asked for. */
export function randomMatrix(rotations: (output: number, input: number) => readonly number[], size = 0.3): SlotMatrix {
  return {
    rotations,
    diagonal: (output, input, rotation) => randomVector(1 + rotation + 7919 * output + 104729 * input, size),
  };
}

export const vector = (values: Float64Array) => ({ values: () => values });
export const identity = Int32Array.from({ length: slots }, (_, i) => i);

/** A program over inputs a, b, ... (registers 0, 1, ...) at these levels, whose outputs are all slots of `outputs`. */
export function programOf(
  levels: readonly number[],
  instructions: readonly Instruction[],
  outputs: readonly number[],
  masks: readonly Float64Array[] = [],
): EncryptedProgram {
  return {
    slots,
    inputs: levels.map((level, i) => ({
      name: String.fromCharCode(97 + i),
      register: i,
      level,
      source: identity,
      factor: 1,
    })),
    instructions,
    masks: masks.map(vector),
    outputs: outputs.map((register) => ({ name: 'logits', register, slots: identity, factor: 1, limit: 1e9 })),
  };
}

/** Client and server of one program on the insecure machine. */
export class Machine implements Disposable {
  readonly context: Context;
  readonly plan: BootstrapPlan;
  readonly planned: PlannedProgram;
  readonly secret: SecretKey;
  readonly keys: KeySet;
  readonly server: CkksMachine;
  readonly #matrices: BootstrapMatrices | undefined;
  readonly #encoder: Encoder;

  constructor(context: Context, program: EncryptedProgram) {
    this.context = context;
    this.plan = new BootstrapPlan(context.parameters);
    this.secret = SecretKey.fromMaster(context, randomSeed());
    this.planned = planProgram(program, this.plan);
    this.keys = generateKeySet(this.secret, this.planned.keyPlan.specs);
    const { evaluation, toSparse, toDense } = this.keys;
    this.#matrices = toSparse && toDense ? new BootstrapMatrices(context, this.plan) : undefined;
    this.server = {
      context,
      plan: this.plan,
      keys: evaluation,
      ...(this.#matrices ? { bootstrapper: new Bootstrapper(this.#matrices, this.keys as BootstrapKeys) } : {}),
    };
    this.#encoder = new Encoder(context);
  }

  static async context(): Promise<Context> {
    return Context.create(Parameters.from(insecureLiteral, { insecure: true }), { threads: 1, insecure: true });
  }

  encrypt(values: Float64Array, level: number): Ciphertext {
    const scale = new CanonicalScales(this.context.parameters, this.plan.outputLevel).at(level);
    using plaintext = this.#encoder.encode(values, undefined, { level, scale });
    return encryptSymmetric(this.secret, plaintext).ciphertext;
  }

  decrypt(ciphertext: Ciphertext): Float64Array {
    using plaintext = decryptToPlaintext(this.secret, ciphertext);
    return this.#encoder.decode(plaintext).real;
  }

  [Symbol.dispose](): void {
    this.#matrices?.[Symbol.dispose]();
    this.keys[Symbol.dispose]();
    this.secret[Symbol.dispose]();
  }
}

/** The keys of a plan at once, from fresh randomness. */
function generateKeySet(secret: SecretKey, specs: readonly KeySpec[]): KeySet {
  const { context } = secret;
  const generator = new KeyGenerator(secret);
  const evaluation = new EvaluationKeys(context);
  let toSparse: SwitchingKey | undefined;
  let toDense: SwitchingKey | undefined;
  using sparse = secret.sparse();
  for (const spec of specs) {
    const gadget = gadgetOf(context.parameters, spec);
    if (spec.role === 'galois') evaluation.addGalois(generator.galois(spec, gadget));
    else if (spec.role === 'relinearisation') evaluation.addRelinearisation(generator.relinearisation(spec.level));
    else if (spec.role === 'toSparse') toSparse = generator.switchTo(sparse, spec.level, gadget);
    else toDense = new KeyGenerator(sparse).switchTo(secret, spec.level, gadget);
  }
  const all = [evaluation, toSparse, toDense];
  return {
    evaluation,
    toSparse,
    toDense,
    bytes: all.reduce((sum, one) => sum + (one?.bytes ?? 0), 0),
    [Symbol.dispose]: () => all.forEach((one) => void one?.[Symbol.dispose]()),
  };
}

/** What a client says to each output, sent as a server does: at level 1 at most. */
export function verdicts(
  machine: Machine,
  { outputs }: EncryptedProgram,
  ciphertexts: readonly Ciphertext[],
): (string | undefined)[] {
  return outputs.map((output, i) => {
    const ciphertext = ciphertexts[i]!;
    using sent = ciphertext.dropTo(Math.min(ciphertext.level, 1));
    return distrust(output, machine.decrypt(sent));
  });
}

export function largestError(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
