import type { OnProgress } from '@cipherformer/base';
import {
  applyStreamed,
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  type Ciphertext,
  type Context,
  Encoder,
  EvaluationKeys,
  Evaluator,
  encryptSymmetric,
  galoisElement,
  generateBootstrapKeys,
  KeyGenerator,
  randomSeed,
  SecretKey,
} from '@cipherformer/ckks';
import { type OperationName, operationNames } from './operations.ts';
import { fastest, measureReference } from './reference.ts';
import type { CostTable } from './table.ts';

export interface MeasureCostsOptions {
  /** Runs to take the fastest of. Default 5. */
  readonly runs?: number;
  /** Bootstraps need 5 GiB and half a minute; without them their entries are 0. Default: measured. */
  readonly bootstraps?: boolean;
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Slots after which the measured periodic diagonal repeats: 64 rows of 16 tokens. */
const periodLength = 1024;

/** Special primes of the rotation keys, as programs have them (planKeys chooses 5 to 7). */
const specialPrimes = 6;
/** What an operation takes in a run, where others have filled the caches, of what it takes when it is repeated: seen in whole runs. */
const insideRun = 1.15;
/** Rotations measured together, so that what they share can be told apart. */
const together = 8;

/**
 * Measures the processor milliseconds of every operation at every level from 1 to the output of a bootstrap, with fresh
 * keys of a throw-away secret. Run nothing else meanwhile. Between levels the event loop turns, so that a signal can arrive.
 * Cost: a minute at N = 2^16. @throws the signal's reason
 */
export async function measureCosts(context: Context, options: MeasureCostsOptions = {}): Promise<CostTable> {
  const plan = new BootstrapPlan(context.parameters);
  using bench = new CostBench(context, options.runs ?? 5);
  const levels = Array.from({ length: plan.outputLevel }, (_, i) => i + 1);
  const milliseconds = Object.fromEntries(
    operationNames.map((name) => [name, new Array<number>(plan.outputLevel + 1).fill(0)]),
  ) as Record<OperationName, number[]>;
  const total = levels.length + (options.bootstraps === false ? 0 : 1);
  const turn = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    options.signal?.throwIfAborted();
  };
  for (const level of levels) {
    await turn();
    for (const [name, value] of Object.entries(bench.atLevel(level)))
      milliseconds[name as OperationName][level] = insideRun * value;
    options.progress?.({ what: 'costs', done: level, total, detail: `level ${level}` });
  }
  if (options.bootstraps !== false) {
    await turn();
    const { real, pair } = bench.bootstraps(plan);
    milliseconds.bootstrapReal.fill(real);
    milliseconds.bootstrapPair.fill(pair);
    options.progress?.({ what: 'costs', done: total, total, detail: 'bootstraps' });
  }
  return {
    logN: context.parameters.logN,
    digest: context.parameters.digest,
    reference: bench.reference(),
    milliseconds,
    bootstrapTransforms: plan.transforms,
  };
}

class CostBench implements Disposable {
  readonly #context: Context;
  readonly #runs: number;
  readonly #secret: SecretKey;
  readonly #generator: KeyGenerator;
  readonly #encoder: Encoder;
  readonly #values: Float64Array;

  constructor(context: Context, runs: number) {
    this.#context = context;
    this.#runs = runs;
    this.#secret = new SecretKey(context, randomSeed());
    this.#generator = new KeyGenerator(this.#secret);
    this.#encoder = new Encoder(context);
    this.#values = Float64Array.from({ length: context.parameters.maxSlots }, (_, i) => Math.sin(i * i));
  }

  reference(): number {
    return measureReference(this.#context);
  }

  atLevel(level: number): Omit<Record<OperationName, number>, 'bootstrapReal' | 'bootstrapPair'> {
    const context = this.#context;
    const { parameters } = context;
    using keys = new EvaluationKeys(context);
    const steps = Array.from({ length: together }, (_, i) => i + 1);
    const special = Math.min(specialPrimes, parameters.specialCount);
    for (const step of steps) {
      const galois = galoisElement(step, context.ring.logN);
      keys.addGalois(this.#generator.galois({ galois, level }, parameters.gadgetWith(level, special)));
    }
    keys.addRelinearisation(this.#generator.relinearisation(level));
    const ev = new Evaluator(context, keys);
    using a = this.#encrypt(level);
    using plain = this.#encoder.encode(this.#values, undefined, { level });
    using product = ev.multiplyRaw(a, a);
    using squared = this.#encrypt(level, parameters.scale ** 2);
    const time = (run: () => Disposable | readonly Disposable[]) => this.#time(run);

    const encode = time(() => this.#encoder.encode(this.#values, undefined, { level }));
    const decompose = time(() => ev.switcher.decompose(a.part(1), { level, special }));
    const hoisted = time(() => ev.rotateHoisted(a, steps));
    // Differences of transforms by what one has more of; periodic diagonals, so that little else is in them.
    const transform = (babySteps: readonly number[], giantSteps: readonly number[]) =>
      time(() =>
        applyStreamed(
          ev,
          [a],
          {
            rotations: () => [...babySteps, ...giantSteps.slice(1)],
            diagonal: () => this.#values,
            period: periodLength,
          },
          { level, outputs: 1, scale: parameters.scale, babySteps, giantSteps, special },
        ),
      );
    const one = transform([0], [0]);
    const periodicDiagonal = this.#diagonal(ev, level, special, { period: periodLength });
    return {
      decompose,
      hoistedRotation: Math.max(0, (hoisted - decompose) / together),
      babyRotation: Math.max(0, (transform([0, ...steps], [0]) - one) / together - periodicDiagonal),
      diagonal: this.#diagonal(ev, level, special),
      levelDiagonal: this.#diagonal(ev, level, special, { dividesBabies: true }),
      periodicDiagonal,
      giantRotation: Math.max(0, (transform([0], [0, ...steps]) - one) / together - periodicDiagonal),
      transformEnd: Math.max(0, one - decompose - periodicDiagonal),
      rotate: time(() => ev.rotate(a, 1)),
      relinearise: time(() => ev.relineariseRescale(product)),
      rescale: time(() => ev.rescale(squared)),
      tensor: time(() => {
        ev.multiplyRawTo(product, a, a);
        return [];
      }),
      scalar: time(() => {
        for (const part of [0, 1]) context.ring.multiplyAccumulate(a.part(part), a.part(part), plain.part(0), a.basis);
        return [];
      }),
      encode,
    };
  }

  /** One more input and diagonal, less the input's decomposition, which divided rotations by 0 do not need. */
  #diagonal(
    ev: Evaluator,
    level: number,
    special: number,
    { dividesBabies = false, ...repeats }: { readonly period?: number; readonly dividesBabies?: boolean } = {},
  ): number {
    using a = this.#encrypt(level);
    const inputs = (count: number) =>
      this.#time(() =>
        applyStreamed(
          ev,
          Array.from({ length: count }, () => a),
          { rotations: () => [0], diagonal: () => this.#values, ...repeats },
          { level, outputs: 1, scale: a.scale, babySteps: [0], giantSteps: [0], special, dividesBabies },
        ),
      );
    const decompose = dividesBabies ? 0 : this.#time(() => ev.switcher.decompose(a.part(1), { level, special }));
    return Math.max(0, (inputs(9) - inputs(1)) / 8 - decompose);
  }

  bootstraps(plan: BootstrapPlan): { real: number; pair: number } {
    using keys = generateBootstrapKeys(this.#secret, plan);
    using matrices = new BootstrapMatrices(this.#context, plan);
    const bootstrapper = new Bootstrapper(matrices, keys);
    using a = this.#encrypt(plan.inputLevel);
    return {
      real: this.#time(() => bootstrapper.real(a)),
      pair: this.#time(() => bootstrapper.pair(a, a)),
    };
  }

  #encrypt(level: number, scale = this.#context.parameters.scale): Ciphertext {
    using plaintext = this.#encoder.encode(this.#values, undefined, { level, scale });
    return encryptSymmetric(this.#secret, plaintext).ciphertext;
  }

  #time(run: () => Disposable | readonly Disposable[]): number {
    return fastest(this.#runs, () => {
      const made = run();
      for (const one of Symbol.dispose in made ? [made] : made) one[Symbol.dispose]();
    });
  }

  [Symbol.dispose](): void {
    this.#secret[Symbol.dispose]();
  }
}
