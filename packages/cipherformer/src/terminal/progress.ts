import { Presets, SingleBar } from 'cli-progress';

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
    return { update: (value, note) => bar.update(value, { note }), stop: () => bar.stop() };
  }
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(value, note) {
      const now = performance.now() / 1000;
      if (value < total && now - last < lineEverySeconds) return;
      last = now;
      process.stderr.write(`${label} ${value}/${total} ${note}\n`);
    },
    stop() {},
  };
}

/** 75 -> "1m15s". */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}${whole % 60}s`;
}
