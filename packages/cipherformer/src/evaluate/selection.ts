import { Random } from '@cipherformer/nn';

/** Which examples of a split are asked: a stated seed gives the same ones again. */
export interface Selection {
  /** `spread`: a shuffled order that takes the classes in turn. `file`: as they lie in the file. */
  readonly order: 'spread' | 'file';
  readonly seed: number;
  /** How many of that order are passed over. */
  readonly offset: number;
}

/**
 * Numbers of the examples to ask, in the order they are asked.
 * `spread` shuffles every class and takes one example of each class in turn, so that k classes are all there from k
 * examples on, and are as even as the data allows after any number. More examples asked for only add to the end.
 * @param labels the class of each example; undefined where examples have none (windows of a text: one class)
 */
export function selectExamples(
  labels: readonly (number | undefined)[],
  count: number,
  { order, seed, offset }: Selection,
): number[] {
  const all = order === 'file' ? [...labels.keys()] : spreadOrder(labels, seed);
  return all.slice(offset, offset + count);
}

function spreadOrder(labels: readonly (number | undefined)[], seed: number): number[] {
  const classes = new Map<number, number[]>();
  for (const index of Random.derive(seed, 'encrypted evaluation').permutation(labels.length)) {
    const label = labels[index] ?? 0;
    const known = classes.get(label);
    if (known) known.push(index);
    else classes.set(label, [index]);
  }
  const sorted = [...classes].sort(([a], [b]) => a - b).map(([, members]) => members);
  const rounds = Math.max(0, ...sorted.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) =>
    sorted.flatMap((members) => (round < members.length ? [members[round]!] : [])),
  ).flat();
}
