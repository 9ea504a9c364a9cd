import { type Pace, startPace } from '@cipherformer/base';
import { Presets, SingleBar } from 'cli-progress';
import { showable } from './text.ts';

/** Progress on stderr: a bar on a terminal, a line now and then elsewhere, nothing when silenced. */
export interface Progress {
  update(value: number, note: string): void;
  stop(): void;
}

/** Seconds between lines where stderr is not a terminal. */
const lineEverySeconds = 15;

export function startProgress(label: string, total: number, silent = false): Progress {
  if (silent) return { update() {}, stop() {} };
  if (process.stderr.isTTY) {
    const bar = new SingleBar(
      {
        format: `${label} {bar} {value}/{total} {note}`,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: false,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0, { note: '' });
    return { update: (value, note) => bar.update(value, { note: showable(note) }), stop: () => bar.stop() };
  }
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(value, note) {
      const now = performance.now() / 1000;
      if (value < total && now - last < lineEverySeconds) return;
      last = now;
      process.stderr.write(`${label} ${value}/${total} ${showable(note)}\n`);
    },
    stop() {},
  };
}

export interface Stages {
  /**
   * @param secondsLeft where somebody knows better than the speed of the stage so far
   * @param note what else there is to say of the stage
   */
  update(stage: string, done: number, total: number, known?: { secondsLeft?: number | undefined; note?: string }): void;
  stop(): void;
}

/** Progress of work in stages: a bar for each, with the time it has left. */
export function startStages(): Stages {
  let current:
    | { readonly stage: string; readonly total: number; readonly bar: Progress; readonly pace: Pace }
    | undefined;
  return {
    update(stage, done, total, { secondsLeft, note } = {}) {
      if (current?.stage !== stage || current.total !== total) {
        current?.bar.stop();
        current = { stage, total, bar: startProgress(stage, total), pace: startPace(done) };
      }
      const left = `ETA ${formatSeconds(secondsLeft ?? current.pace(done, total))}`;
      current.bar.update(done, note === undefined ? left : `${note} | ${left}`);
    },
    stop() {
      current?.bar.stop();
      current = undefined;
    },
  };
}

/** 75 -> "1m15s"; "?" for what is not known. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}${whole % 60}s`;
}
