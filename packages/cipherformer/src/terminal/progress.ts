import { type OnProgress, type Pace, startPace } from '@cipherformer/base';
import { Presets, SingleBar } from 'cli-progress';
import { showable } from './text.ts';

/** What shows on stderr how far work is: a bar on a terminal, a line now and then elsewhere, nothing when silenced. */
export interface Bar {
  update(value: number, note: string): void;
  stop(): void;
}

/** Seconds between lines where stderr is not a terminal. */
const lineEverySeconds = 15;

export function startBar(label: string, total: number, silent = false): Bar {
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
  /** Takes the time that is left from the speed of the stage so far where nobody knows better. */
  readonly update: OnProgress;
  stop(): void;
}

/** Progress of work in stages: a bar for each, with the time it has left. */
export function startStages(): Stages {
  let current: { readonly what: string; readonly total: number; readonly bar: Bar; readonly pace: Pace } | undefined;
  return {
    update({ what, done, total, secondsLeft, detail }) {
      if (current?.what !== what || current.total !== total) {
        current?.bar.stop();
        current = { what, total, bar: startBar(what, total), pace: startPace(done) };
      }
      const left = `ETA ${formatSeconds(secondsLeft ?? current.pace(done, total))}`;
      current.bar.update(done, detail === undefined ? left : `${detail} | ${left}`);
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
