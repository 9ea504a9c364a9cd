/** Whole numbers as runs [first, step, count, first, step, count, ...]: slot maps repeat, and stay readable in JSON. */
export function toRuns(values: ArrayLike<number>): number[] {
  const runs: number[] = [];
  for (let i = 0; i < values.length; ) {
    const first = values[i]!;
    const step = i + 1 < values.length ? values[i + 1]! - first : 0;
    let count = 1;
    while (i + count < values.length && values[i + count] === first + step * count) count++;
    runs.push(first, step, count);
    i += count;
  }
  return runs;
}

/** Whole numbers that an Int32Array holds. */
const fits = (value: number) => Number.isInteger(value) && Math.abs(value) < 2 ** 31;

/**
 * The numbers again.
 * @throws RangeError for more than `most` of them, for numbers beyond 32 bits, or a list that is none of runs, before any
 * is made
 */
export function fromRuns(runs: readonly number[], most: number): Int32Array {
  if (runs.length % 3 !== 0) throw new RangeError('runs come in threes: first, step, count');
  let length = 0;
  for (let i = 0; i < runs.length; i += 3) {
    const [first, step, count] = [runs[i]!, runs[i + 1]!, runs[i + 2]!];
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`a run of ${count} numbers`);
    const last = first + step * (count - 1);
    if (!fits(first) || !fits(last)) throw new RangeError(`a run from ${first} to ${last}`);
    length += count;
  }
  if (length > most) throw new RangeError(`${length} numbers, at most ${most} are allowed`);
  const values = new Int32Array(length);
  let at = 0;
  for (let i = 0; i < runs.length; i += 3)
    for (let k = 0; k < runs[i + 2]!; k++) values[at++] = runs[i]! + runs[i + 1]! * k;
  return values;
}
