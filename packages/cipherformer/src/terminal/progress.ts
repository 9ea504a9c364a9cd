import { type OnProgress, type Pace, startPace } from '@cipherformer/base';
import { Presets, SingleBar } from 'cli-progress';
import { showable } from './text.ts';

/** What shows on stderr how far work is: a bar on a terminal, a line every ten seconds elsewhere, nothing when silenced. */
export interface Bar {
  /** @param secondsLeft where somebody knows better than the speed since the beginning */
  update(value: number, note?: string, secondsLeft?: number): void;
  stop(): void;
}

/** Seconds between lines where stderr is not a terminal. */
const lineEverySeconds = 10;

export function startBar(label: string, total: number, silent = false): Bar {
  if (silent) return { update() {}, stop() {} };
  const noteOf = notes(total);
  if (process.stderr.isTTY) {
    const bar = new SingleBar(
      {
        format: `${showable(label)} {bar} {value}/{total} {note}`,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: false,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0, { note: '' });
    return { update: (...told) => bar.update(told[0], { note: noteOf(...told) }), stop: () => bar.stop() };
  }
  let last = Number.NEGATIVE_INFINITY;
  let told: Parameters<Bar['update']> | undefined;
  const write = () => {
    last = performance.now() / 1000;
    process.stderr.write(`${showable(label)} ${told![0]}/${total} ${noteOf(...told!)}\n`);
  };
  // Work that has nothing new to say is alive nevertheless.
  const beat = setInterval(() => {
    if (told && performance.now() / 1000 - last >= lineEverySeconds) write();
  }, 1000);
  beat.unref();
  const stop = () => clearInterval(beat);
  return {
    update(...now) {
      told = now;
      if (now[0] >= total) stop();
      else if (performance.now() / 1000 - last < lineEverySeconds) return;
      write();
    },
    stop,
  };
}

/** What stands behind a bar: the note, and the time that is left, or at the end that it took. */
function notes(total: number): (value: number, note?: string, secondsLeft?: number) => string {
  const started = performance.now();
  let pace: Pace | undefined;
  return (value, note, secondsLeft) => {
    pace ??= startPace(value);
    const left = secondsLeft ?? pace(value, total);
    const took = (performance.now() - started) / 1000;
    // What is not done yet takes a second at least, however little is left.
    const soFar = took < 1 ? undefined : `${formatSeconds(took)} so far`;
    const eta = left === undefined ? soFar : `ETA ${formatSeconds(Math.max(1, left))}`;
    const time = value >= total ? `done in ${formatSeconds(took)}` : eta;
    return showable([note, time].filter((part) => part !== undefined && part !== '').join(' | '));
  };
}

export interface Stages {
  readonly update: OnProgress;
  /** A line of text between the bars. */
  note(text: string): void;
  stop(): void;
}

/** Progress of work in stages: a bar for each, with the time it has left. */
export function startStages(): Stages {
  let current: { readonly what: string; readonly total: number; readonly bar: Bar } | undefined;
  const stop = () => {
    current?.bar.stop();
    current = undefined;
  };
  return {
    update({ what, done, total, secondsLeft, detail }) {
      if (current?.what !== what || current.total !== total) {
        current?.bar.stop();
        current = { what, total, bar: startBar(what, total) };
      }
      current.bar.update(done, detail, secondsLeft);
    },
    note(text) {
      stop();
      process.stderr.write(`${showable(text)}\n`);
    },
    stop,
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
