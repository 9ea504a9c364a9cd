import type { OnProgress } from '@cipherformer/base';
import {
  type BootstrapKeys,
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  bootstrapLiteral,
  type Ciphertext,
  Context,
  DiagonalMatrix,
  decryptToPlaintext,
  defaultBootstrapChain,
  Encoder,
  EvaluationKeys,
  Evaluator,
  encryptPublic,
  encryptSymmetric,
  errorDeviation,
  generateBootstrapKeys,
  type Kernels,
  KeyGenerator,
  keyWireBytes,
  LinearTransform,
  Parameters,
  PolynomialEvaluator,
  type PublicKey,
  randomSeed,
  type SecretKey as Secret,
  SecretKey,
} from '@cipherformer/ckks';

/** The level of operations on many limbs: 24. */
export const operationLevel = 23;

/** Everything the operations need, made once: secure parameters, keys, operands. */
export class CkksBench implements Disposable {
  readonly parameters: Parameters;
  readonly context: Context;
  readonly secret: Secret;
  readonly encoder: Encoder;
  readonly generator: KeyGenerator;

  constructor(kernels: Kernels) {
    this.parameters = Parameters.from(bootstrapLiteral(defaultBootstrapChain));
    this.context = new Context(this.parameters, kernels);
    this.secret = new SecretKey(this.context, randomSeed());
    this.encoder = new Encoder(this.context);
    this.generator = new KeyGenerator(this.secret);
  }

  /** What a reader needs to judge the numbers. */
  describe() {
    const { parameters } = this;
    return {
      logN: parameters.logN,
      logQP: parameters.logQP,
      limbs: parameters.maxLevel + 1,
      specialPrimes: parameters.specialCount,
      secret: 'uniform ternary',
      secretWeight: Math.round((2 * parameters.n) / 3),
      errorDeviation,
      scaleBits: parameters.literal.scaleBits,
      securityBits: 128,
      security: parameters.security,
    };
  }

  encrypt(values: ArrayLike<number>, level: number, slots = this.parameters.maxSlots): Ciphertext {
    using plaintext = this.encoder.encode(values, undefined, { level, slots });
    return encryptSymmetric(this.secret, plaintext).ciphertext;
  }

  decrypt(ciphertext: Ciphertext): Float64Array {
    using plaintext = decryptToPlaintext(this.secret, ciphertext);
    return this.encoder.decode(plaintext).real;
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
    this.context[Symbol.dispose]();
    this.context.kernels.trim();
  }
}

/** One timed operation: `run` is repeated, `close` gives its memory back. */
export interface CkksCase {
  readonly name: string;
  readonly level: number;
  run(): void;
}

const discard = (value: Disposable) => value[Symbol.dispose]();

/** Operations on ciphertexts of 24 limbs. */
export function* operationCases(bench: CkksBench): Generator<CkksCase> {
  const { encoder, generator, parameters, secret, context } = bench;
  const level = operationLevel;
  const values = uniform(parameters.maxSlots);
  using plaintext = encoder.encode(values, undefined, { level });
  yield { name: 'ckks.encode', level, run: () => discard(encoder.encode(values, undefined, { level })) };
  yield { name: 'ckks.decode', level, run: () => void encoder.decode(plaintext) };
  yield { name: 'ckks.encrypt.secret', level, run: () => discard(encryptSymmetric(secret, plaintext).ciphertext) };
  let publicKey: PublicKey | undefined;
  yield {
    name: 'ckks.keygen.public',
    level: parameters.maxLevel,
    run() {
      publicKey?.[Symbol.dispose]();
      publicKey = generator.publicKey();
    },
  };
  using key = publicKey!;
  yield { name: 'ckks.encrypt.public', level, run: () => discard(encryptPublic(key, plaintext)) };
  using a = bench.encrypt(values, level);
  using b = bench.encrypt(values, level);
  yield { name: 'ckks.decrypt', level, run: () => void bench.decrypt(a) };
  yield { name: 'ckks.keygen.rotation', level, run: () => discard(generator.rotation(1, level)) };
  const rotations = [1, 2, 3, 4, 5, 6, 7, 8];
  using keys = new EvaluationKeys(context);
  keys.addRelinearisation(generator.relinearisation(level));
  for (const steps of rotations) keys.addGalois(generator.rotation(steps, level));
  const evaluator = new Evaluator(context, keys);
  yield { name: 'ckks.add', level, run: () => discard(evaluator.add(a, b)) };
  yield { name: 'ckks.multiplyPlain', level, run: () => discard(evaluator.multiplyPlain(a, plaintext)) };
  yield { name: 'ckks.rescale', level, run: () => discard(evaluator.rescale(a)) };
  yield { name: 'ckks.multiply', level, run: () => discard(evaluator.multiply(a, b)) };
  yield { name: 'ckks.rotate', level, run: () => discard(evaluator.rotate(a, 1)) };
  yield { name: 'ckks.rotate.hoisted8', level, run: () => evaluator.rotateHoisted(a, rotations).forEach(discard) };
  using transform = new LinearTransform(context, band(parameters.maxSlots, 8), { level, babySteps: 8 });
  yield { name: 'ckks.linearTransform8', level, run: () => discard(transform.apply(evaluator, a)) };
  const polynomials = new PolynomialEvaluator(evaluator);
  const coefficients = Array.from({ length: 32 }, (_, j) => Math.cos(j) / (j + 1));
  using low = bench.encrypt(values, 15);
  yield { name: 'ckks.polynomial31', level: 15, run: () => discard(polynomials.evaluate(low, coefficients)) };
}

/** A matrix of `count` full diagonals, 0 .. count - 1. */
function band(slots: number, count: number): DiagonalMatrix {
  const diagonal = () => ({ real: uniform(slots), imag: uniform(slots) });
  return new DiagonalMatrix(slots, new Map(Array.from({ length: count }, (_, d) => [d, diagonal()])));
}

export function uniform(length: number): Float64Array {
  return Float64Array.from({ length }, () => 2 * Math.random() - 1);
}

/** Inputs whose worst slot is reported: random, and the structured ones that a bootstrap finds hardest. */
export function precisionInputs(slots: number): ReadonlyMap<string, Float64Array> {
  return new Map([
    ['uniform', uniform(slots)],
    ['+1', new Float64Array(slots).fill(1)],
    ['-1', new Float64Array(slots).fill(-1)],
    ['alternating', Float64Array.from({ length: slots }, (_, i) => (i % 2 === 0 ? 1 : -1))],
    ['one-hot', Float64Array.from({ length: slots }, (_, i) => (i === 1 ? 1 : 0))],
  ]);
}

/** A bootstrapper with its keys and what they weigh. */
export class BootstrapBench implements Disposable {
  readonly plan: BootstrapPlan;
  readonly keys: BootstrapKeys;
  readonly matrices: BootstrapMatrices;
  readonly bootstrapper: Bootstrapper;
  readonly keygen: Span;
  readonly setup: Span;
  readonly wireKeyBytes: number;

  constructor(bench: CkksBench, slots: number, progress: (note: string) => void) {
    this.plan = new BootstrapPlan(bench.parameters, { slots });
    const note: OnProgress = ({ what, done, total }) => progress(`${what} ${done}/${total}`);
    let keys: BootstrapKeys;
    this.keygen = span(() => {
      keys = generateBootstrapKeys(bench.secret, this.plan, note);
    });
    this.keys = keys!;
    let matrices: BootstrapMatrices;
    this.setup = span(() => {
      matrices = new BootstrapMatrices(bench.context, this.plan, note);
    });
    this.matrices = matrices!;
    this.bootstrapper = new Bootstrapper(this.matrices, this.keys);
    this.wireKeyBytes = keyWireBytes(this.plan.parameters, this.plan.keySpecs());
  }

  /** Bytes of all keys in memory. */
  get keyBytes(): number {
    return this.keys.evaluation.bytes + this.keys.toSparse.bytes + this.keys.toDense.bytes;
  }

  [Symbol.dispose](): void {
    this.matrices[Symbol.dispose]();
    this.keys[Symbol.dispose]();
  }
}

/** Wall and processor time of something done once. */
export interface Span {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export function span(work: () => void): Span {
  const before = process.cpuUsage();
  const started = performance.now();
  work();
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { wallMs, cpuMs: (user + system) / 1000 };
}
