import { Random } from '../random.ts';

/**
 * The order in which training examples are seen: every epoch is a fresh permutation drawn from the seed and the
 * epoch's number, so that step k always holds the same examples, resumed or not. The last, partial batch of an
 * epoch is dropped.
 */
export class EpochOrder {
  readonly stepsPerEpoch: number;
  private readonly count: number;
  private readonly batch: number;
  private readonly seed: number;
  private epoch = -1;
  private order = new Uint32Array(0);

  constructor(count: number, batch: number, seed: number) {
    this.count = count;
    this.batch = batch;
    this.seed = seed;
    this.stepsPerEpoch = Math.floor(count / batch);
  }

  /** The examples of step 0, 1, 2, ... */
  examples(step: number): Uint32Array {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.epoch) {
      this.order = Uint32Array.from(Random.derive(this.seed, 'order', epoch).permutation(this.count));
      this.epoch = epoch;
    }
    const start = (step % this.stepsPerEpoch) * this.batch;
    return this.order.subarray(start, start + this.batch);
  }
}
