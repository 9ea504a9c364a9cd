import { z } from 'zod';

export const monitorSchema = z.strictObject({
  losses: z.array(z.number()),
  rollbacks: z.int().min(0),
});
export type MonitorState = z.infer<typeof monitorSchema>;

/** Losses whose median is the measure. */
const windowLength = 64;
/** Losses before the median means something. */
const least = 16;
/** Losses averaged before they are compared, so that one hard batch is not taken for a divergence. */
const smoothing = 4;

/**
 * Watches the loss of a stage: it has diverged when the mean of its last steps exceeds three times the median of the
 * last 64. Its state is plain data, so that it can be kept in a checkpoint.
 */
export class LossMonitor {
  private state: MonitorState;

  constructor(state: MonitorState = { losses: [], rollbacks: 0 }) {
    this.state = state;
  }

  /** Notes a loss; false when training has diverged (nothing is noted then). */
  accept(loss: number): boolean {
    const { losses } = this.state;
    if (!Number.isFinite(loss)) return false;
    if (losses.length >= least) {
      const recent = [...losses.slice(1 - smoothing), loss];
      const mean = recent.reduce((a, b) => a + b, 0) / recent.length;
      const sorted = [...losses].sort((a, b) => a - b);
      if (mean > 3 * sorted[sorted.length >> 1]!) return false;
    }
    this.state = { ...this.state, losses: [...losses, loss].slice(-windowLength) };
    return true;
  }

  /** Returns to an earlier state, one roll-back later. */
  rollBack(to: MonitorState): void {
    this.state = { losses: to.losses, rollbacks: this.state.rollbacks + 1 };
  }

  get rollbacks(): number {
    return this.state.rollbacks;
  }

  /** Factor on the learning rate: halved at every roll-back. */
  get rateFactor(): number {
    return 0.5 ** this.state.rollbacks;
  }

  read(): MonitorState {
    return this.state;
  }
}
