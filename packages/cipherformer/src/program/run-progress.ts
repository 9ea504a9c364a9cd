import { type OpenProgram, predictSeconds } from '@cipherformer/compiler/server';
import { formatSeconds, startProgress } from '../terminal/progress.ts';

/** Shows seconds of predicted work, and how long the rest will take at the speed seen so far. Call it after each instruction. */
export function startRunProgress({ program, parameters }: OpenProgram): (timing: { readonly index: number }) => void {
  const seconds = predictSeconds(program, parameters);
  const total = seconds.reduce((sum, s) => sum + s, 0);
  const whole = Math.max(1, Math.round(total));
  const progress = startProgress('run', whole);
  let done = 0;
  const started = performance.now();
  return ({ index }) => {
    done += seconds[index]!;
    const left = ((performance.now() - started) / 1000) * (total / done - 1);
    const last = index === program.instructions.length - 1;
    // The end is shown once.
    progress.update(
      last ? whole : Math.min(whole - 1, Math.floor(done)),
      `${program.instructions[index]!.source} | ETA ${formatSeconds(left)}`,
    );
    if (last) progress.stop();
  };
}
