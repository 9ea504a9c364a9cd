import { interruptible } from './interrupt.ts';
import { type Stages, startStages } from './progress.ts';

/** Runs work that Ctrl-C stops in order, as `interruptible` does, and shows on stderr how far its stages are. */
export function withStages<Result>(
  notice: string,
  work: (signal: AbortSignal, stages: Stages) => Promise<Result>,
): Promise<Result> {
  const stages = startStages();
  return interruptible(notice, (signal) => work(signal, stages)).finally(stages.stop);
}
