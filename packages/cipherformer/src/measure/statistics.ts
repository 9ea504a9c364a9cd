/** Standard deviation of the numbers. */
export function spread(values: ArrayLike<number>): number {
  const all = Array.from(values);
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  return Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length);
}

/** Largest difference between two lists of numbers, divided by the standard deviation of the first: at unit spread. */
export function spreadDifference(clear: ArrayLike<number>, encrypted: ArrayLike<number>): number {
  let largest = 0;
  // Written so that a NaN counts.
  for (let k = 0; k < clear.length; k++) {
    const difference = Math.abs(clear[k]! - encrypted[k]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest / spread(clear);
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Where the largest number is: the class of logits. */
export function best(logits: ArrayLike<number>): number {
  let top = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[top]!) top = k;
  return top;
}
