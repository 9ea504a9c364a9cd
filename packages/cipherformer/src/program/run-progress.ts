import { followRun, type OpenProgram } from '@cipherformer/compiler';
import { formatSeconds, startProgress } from '../terminal/progress.ts';

/** Shows seconds of predicted work, and how long the rest will take at the speed seen so far. Call it after each instruction. */
export function startRunProgress(opened: OpenProgram): (timing: { readonly index: number }) => void {
  const { instructions } = opened.program;
  const follow = followRun(opened);
  let progress: ReturnType<typeof startProgress> | undefined;
  return (timing) => {
    const { done, total, secondsLeft } = follow(timing);
    progress ??= startProgress('run', total);
    progress.update(done, `${instructions[timing.index]!.source} | ETA ${formatSeconds(secondsLeft)}`);
    if (done === total) progress.stop();
  };
}
