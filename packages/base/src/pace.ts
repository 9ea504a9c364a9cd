/** Seconds that are left. */
export type Pace = (done: number, total: number) => number | undefined;

/**
 * Tells how many seconds are left of work that goes on now, at its speed from now on; undefined until something was done.
 * `done` and `total` are of any unit.
 * @param from what was done before
 */
export function startPace(from = 0): Pace {
  const started = performance.now();
  return (done, total) => {
    const seconds = (performance.now() - started) / 1000;
    return done > from ? (seconds * (total - done)) / (done - from) : undefined;
  };
}
