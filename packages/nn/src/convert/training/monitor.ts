import { z } from 'zod';

export const monitorSchema = z.strictObject({
  losses: z.array(z.number()),
  rollbacks: z.int().min(0),
});
export type MonitorState = z.infer<typeof monitorSchema>;

/** Losses whose median is the measure. */
const windowLength = 64;
/** Losses before the median means something. */
const least = 24;
/** The last losses that are compared. One image that leaves an interval can make a batch a hundred times worse for one
 * step; it is the median of several that tells a divergence. */
const recentLength = 8;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/**
 * Watches the loss of a stage: it has diverged when the median of its last 8 steps exceeds three times the median of the
 * 64 before. Its state is plain data, so that it can be kept in a checkpoint.
 */
export class LossMonitor {
  #state: MonitorState;

  constructor(state: MonitorState = { losses: [], rollbacks: 0 }) {
    this.#state = state;
  }

  /** Notes a loss; false when training has diverged (nothing is noted then). */
  accept(loss: number): boolean {
    if (!Number.isFinite(loss)) return false;
    const losses = [...this.#state.losses, loss].slice(-windowLength - recentLength);
    if (losses.length >= least) {
      const recent = losses.slice(-recentLength);
      if (median(recent) > 3 * median(losses.slice(0, -recentLength))) return false;
    }
    this.#state = { ...this.#state, losses };
    return true;
  }

  /** Returns to an earlier state, one roll-back later. */
  rollBack(to: MonitorState): void {
    this.#state = { losses: to.losses, rollbacks: this.#state.rollbacks + 1 };
  }

  get rollbacks(): number {
    return this.#state.rollbacks;
  }

  /** Factor on the learning rate: halved at every roll-back. */
  get rateFactor(): number {
    return 0.5 ** this.#state.rollbacks;
  }

  read(): MonitorState {
    return this.#state;
  }
}
