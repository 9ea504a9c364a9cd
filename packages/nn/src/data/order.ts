import { Random } from '../random.ts';

/**
 * The order in which training examples are seen: every epoch is a fresh permutation drawn from the seed and the
 * epoch's number, so that step k always holds the same examples, resumed or not. The last, partial batch of an
 * epoch is dropped.
 */
export class EpochOrder {
  readonly stepsPerEpoch: number;
  readonly #count: number;
  readonly #batch: number;
  readonly #seed: number;
  #epoch = -1;
  #order = new Uint32Array(0);

  constructor(count: number, batch: number, seed: number) {
    this.#count = count;
    this.#batch = batch;
    this.#seed = seed;
    this.stepsPerEpoch = Math.floor(count / batch);
  }

  /** The examples of step 0, 1, 2, ... */
  examples(step: number): Uint32Array {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.#epoch) {
      this.#order = Uint32Array.from(Random.derive(this.#seed, 'order', epoch).permutation(this.#count));
      this.#epoch = epoch;
    }
    const start = (step % this.stepsPerEpoch) * this.#batch;
    return this.#order.subarray(start, start + this.#batch);
  }
}

/** A batch of examples that all fit into `tokens`. */
export interface BucketBatch {
  readonly examples: readonly number[];
  readonly tokens: number;
}

/**
 * The order of examples of different lengths: batches hold examples of one bucket (the shortest length that fits), so
 * that short texts are not padded to the longest. What does not fill a batch moves to the next longer bucket. Each
 * epoch regroups and shuffles; the number of batches is the same in every epoch.
 */
export class BucketOrder {
  readonly stepsPerEpoch: number;
  readonly #lengths: readonly number[];
  readonly #buckets: readonly number[];
  readonly #batch: number;
  readonly #seed: number;
  #epoch = -1;
  #batches: BucketBatch[] = [];

  /** `lengths[i]` is the length of example i; the last bucket takes everything. */
  constructor(lengths: readonly number[], buckets: readonly number[], batch: number, seed: number) {
    this.#lengths = lengths;
    this.#buckets = [...buckets].sort((a, b) => a - b);
    this.#batch = batch;
    this.#seed = seed;
    this.stepsPerEpoch = this.#group(0).length;
  }

  step(step: number): BucketBatch {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.#epoch) {
      this.#batches = this.#group(epoch);
      this.#epoch = epoch;
    }
    return this.#batches[step % this.stepsPerEpoch]!;
  }

  #group(epoch: number): BucketBatch[] {
    const random = Random.derive(this.#seed, 'order', epoch);
    const waiting: number[][] = this.#buckets.map(() => []);
    for (const example of random.permutation(this.#lengths.length)) {
      const bucket = this.#buckets.findIndex((size) => this.#lengths[example]! <= size);
      waiting[bucket < 0 ? waiting.length - 1 : bucket]!.push(example);
    }
    const batches: BucketBatch[] = [];
    waiting.forEach((examples, bucket) => {
      const full = Math.floor(examples.length / this.#batch) * this.#batch;
      for (let start = 0; start < full; start += this.#batch) {
        batches.push({ examples: examples.slice(start, start + this.#batch), tokens: this.#buckets[bucket]! });
      }
      waiting[bucket + 1]?.push(...examples.slice(full));
    });
    return [...random.permutation(batches.length)].map((i) => batches[i]!);
  }
}
