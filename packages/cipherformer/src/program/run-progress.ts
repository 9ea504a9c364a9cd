import { followRun, type OpenProgram } from '@cipherformer/compiler';
import { type Bar, startBar } from '../terminal/progress.ts';

/** Shows seconds of predicted work, and how long the rest will take at the speed seen so far. Call it after each instruction. */
export function startRunProgress(opened: OpenProgram): (timing: { readonly index: number }) => void {
  const { instructions } = opened.program;
  const follow = followRun(opened);
  let bar: Bar | undefined;
  return (timing) => {
    const { done, total, secondsLeft } = follow(timing);
    bar ??= startBar('run', total);
    bar.update(done, instructions[timing.index]!.source, secondsLeft);
    if (done === total) bar.stop();
  };
}
