import { shown } from '@cipherformer/model/untrusted';
import type { Columns, Misfit, Misfits } from '../sources/source.ts';
import { type SplitName, splitNames } from './splits.ts';

/** What was found in data, for people to look at before they train on it. */
export interface DataReport {
  readonly from: string;
  /** The columns that count, and which of them nobody named; absent where there are no columns. */
  readonly columns?: Columns;
  readonly guessed: readonly (keyof Columns)[];
  readonly classes: readonly string[];
  /** False where the data has no labels: they are all 0, and a conversion puts the original's answers in their place. */
  readonly labelled: boolean;
  /** Examples of every part, by class. */
  readonly counts: Readonly<Partial<Record<SplitName, readonly number[]>>>;
  /** Examples of every part. */
  readonly sizes: Readonly<Partial<Record<SplitName, number>>>;
  /** Parts that were held out of the training examples, and the seed that drew them. */
  readonly split: { readonly made: readonly SplitName[]; readonly seed: number };
  /** Examples of a part that are in training, too. */
  readonly duplicates: Readonly<Partial<Record<SplitName, number>>>;
  /** Rows that were left out, with the first three. */
  readonly skipped: { readonly count: number; readonly first: readonly Misfit[] };
}

interface Found<Kept> {
  readonly from: string;
  readonly columns: Columns | undefined;
  readonly asked: Columns;
  readonly classes: readonly string[];
  readonly labelled: boolean;
  readonly split: ReadonlyMap<SplitName, readonly Kept[]>;
  numbersOf(kept: readonly Kept[]): number[];
  readonly made: readonly SplitName[];
  readonly seed: number;
  readonly misfits: Misfits;
}

export function reportOf<Kept extends { readonly digest: string }>(found: Found<Kept>): DataReport {
  const { from, columns, asked, classes, labelled, split, made, seed, misfits } = found;
  const training = new Set(split.get('train')?.map(({ digest }) => digest));
  const byPart = <T>(of: (part: readonly Kept[]) => T) =>
    Object.fromEntries(splitNames.flatMap((name) => (split.has(name) ? [[name, of(split.get(name)!)]] : [])));
  const { train: _, ...duplicates } = byPart((part) => part.filter(({ digest }) => training.has(digest)).length);
  return {
    from,
    ...(columns && { columns }),
    guessed: (['text', 'image', 'label'] as const).filter((kind) => columns?.[kind] !== undefined && !asked[kind]),
    classes,
    labelled,
    counts: labelled ? byPart((part) => countClasses(found.numbersOf(part), classes.length)) : {},
    sizes: byPart((part) => part.length),
    split: { made, seed },
    duplicates,
    skipped: { count: misfits.count, first: misfits.first },
  };
}

function countClasses(numbers: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const number of numbers) counts[number]! += 1;
  return counts;
}

/** A report as lines of text. */
export function reportLines(report: DataReport): string[] {
  const { columns, guessed, classes, counts, sizes, split, duplicates, skipped, labelled } = report;
  const named = (['text', 'image', 'label'] as const).flatMap((kind) =>
    columns?.[kind] === undefined
      ? []
      : [`${kind} ${shown(columns[kind])}${guessed.includes(kind) ? ' (guessed)' : ''}`],
  );
  const perClass = (name: SplitName) =>
    classes.length > 20 ? `${classes.length} classes` : classes.map((one, i) => `${shown(one)} ${counts[name]?.[i]}`).join(', '); // biome-ignore format: a line
  const parts = splitNames.flatMap((name) =>
    sizes[name] === undefined ? [] : [`${name}: ${sizes[name]} examples${labelled ? ` (${perClass(name)})` : ''}`],
  );
  const twice = Object.entries(duplicates).filter(([, count]) => count > 0);
  return [
    ...(named.length > 0 ? [`columns: ${named.join(', ')}`] : []),
    ...parts,
    ...(labelled
      ? []
      : ['no labels are read: the model’s own answers are learned, and figures say how far they agree with them']),
    ...(split.made.length > 0 ? [`${split.made.join(' and ')} held out of training by seed ${split.seed}`] : []),
    ...twice.map(([name, count]) => `${count} examples of ${name} are in training, too`),
    ...(skipped.count > 0 ? [`${skipped.count} rows left out: ${skipped.first.map(({ place, problem }) => `${place}: ${problem}`).join('; ')}`] : []), // biome-ignore format: a line
  ];
}
