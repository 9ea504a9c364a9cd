/**
 * Tells how many seconds are left of work that began now, at its speed so far; undefined while nothing is done.
 * `done` and `total` are of any unit.
 */
export function startPace(): (done: number, total: number) => number | undefined {
  const started = performance.now();
  return (done, total) => (done > 0 ? ((performance.now() - started) / 1000) * (total / done - 1) : undefined);
}
