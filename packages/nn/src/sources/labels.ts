import { DataError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';

/** More different labels than this are no classes: a column of numbers, or of texts. */
const maxClasses = 100_000;
/** Lines of a table of labels that are shown. */
const maxLines = 12;

/** Labels as the data writes them, and what they come to. */
export interface Labels {
  readonly classes: readonly string[];
  /** The number of each label. */
  readonly numbers: ReadonlyMap<string, number>;
}

/**
 * The classes of labels. A model's own are matched by name, or by number where the data has whole numbers, which names in
 * the data (`stored`) are put for first. Without a model they are the stored names, or the labels themselves, in order.
 * @param counts how often each label occurs
 * @throws DataError with a table of labels that are no class
 */
export function matchLabels(
  counts: ReadonlyMap<string, number>,
  {
    stored,
    model,
  }: { readonly stored?: readonly string[] | undefined; readonly model?: readonly string[] | undefined },
  where: string,
): Labels {
  const labels = [...counts.keys()].sort();
  if (labels.length > maxClasses)
    throw new DataError(`${where} has ${labels.length} different labels: name the column of the classes.`);
  const numeric = labels.every((label) => /^\d{1,9}$/.test(label));
  const name = (label: string) => (numeric && stored ? stored[Number(label)] : label);
  if (!model) {
    const classes = stored ?? (numeric ? numbered(labels, where) : labels.toSorted());
    return matched(labels, (label) => (numeric ? Number(label) : classes.indexOf(label)), {
      classes,
      counts,
      where,
      name,
    });
  }
  const exact = new Map(model.map((one, i) => [one, i]));
  const folded = foldedNames(model);
  // Names like LABEL_0 are none: numbers stand for them.
  const byName = (label: string) => exact.get(label) ?? folded?.get(label.toLowerCase());
  const named = labels.every((label) => byName(name(label) ?? '') !== undefined);
  const unnamed = model.every((one, i) => one === `LABEL_${i}`);
  const byNumber = numeric && (unnamed || !stored);
  return matched(labels, (label) => (!named && byNumber ? Number(label) : byName(name(label) ?? '')), { classes: model, counts, where, name }); // biome-ignore format: a line
}

/** Names without their case; undefined where two would be one. */
function foldedNames(names: readonly string[]): ReadonlyMap<string, number> | undefined {
  const folded = new Map(names.map((one, i) => [one.toLowerCase(), i]));
  return folded.size === names.length ? folded : undefined;
}

/** Numbers as names, from 0 on. @throws DataError for one that no label has, or numbers far apart */
function numbered(labels: readonly string[], where: string): string[] {
  const most = labels.reduce((largest, label) => Math.max(largest, Number(label)), 0);
  if (most >= labels.length)
    throw new DataError(
      `${where} has ${labels.length} different labels, of which the largest is ${most}: number classes from 0 without a gap, or name them.`,
    );
  return Array.from({ length: most + 1 }, (_, i) => `${i}`);
}

interface Matching {
  readonly classes: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly where: string;
  name(label: string): string | undefined;
}

function matched(
  labels: readonly string[],
  numberOf: (label: string) => number | undefined,
  { classes, counts, where, name }: Matching,
): Labels {
  const numbers = new Map<string, number>();
  for (const label of labels) {
    const number = numberOf(label);
    if (number !== undefined && number >= 0 && number < classes.length) numbers.set(label, number);
  }
  if (numbers.size === labels.length) return { classes, numbers };
  const lines = labels.slice(0, maxLines).map((label) => {
    const number = numbers.get(label);
    const meaning = name(label) !== label && name(label) !== undefined ? ` (${shown(name(label))})` : '';
    return `  ${shown(label)}${meaning}, ${counts.get(label)} rows: ${number === undefined ? 'no class' : `class ${number}, ${shown(classes[number])}`}`;
  });
  const more = labels.length > maxLines ? [`  and ${labels.length - maxLines} more labels`] : [];
  const known = classes.slice(0, maxLines).map((one, i) => `${i} ${shown(one)}`).join(', '); // biome-ignore format: a line
  throw new DataError(
    `${where} has labels that are none of the classes:\n${[...lines, ...more].join('\n')}\n` +
      `The classes are ${known}${classes.length > maxLines ? ' ...' : ''}. Write the labels as these names or numbers.`,
  );
}
