import { DataError, type Picture } from '@cipherformer/model';
import type { SplitName } from './parts.ts';

/** An example as a source has it: a text or a picture, and its label as it is written there. */
export interface SourceExample {
  /** File and line, row or image, for messages. */
  readonly place: string;
  readonly text?: string;
  readonly picture?: Picture;
  /** undefined where the source has no labels. */
  readonly label?: string;
}

/** Something that is no example. */
export interface Misfit {
  readonly place: string;
  readonly problem: string;
}

/** Where examples come from, one after the other: they need not fit into memory together. */
export interface Source {
  readonly kind: 'text' | 'image';
  /** Names of the numbers that labels are, where the source knows them. */
  readonly classNames?: readonly string[] | undefined;
  /** What columns were taken, where there are columns. */
  readonly columns?: Columns | undefined;
  /** The part of a data set that it is, where it says so. */
  readonly part?: SplitName | undefined;
  /** @throws DataError for what makes the rest unreadable */
  examples(): AsyncIterable<SourceExample | Misfit>;
}

/** The columns of a table that count. */
export interface Columns {
  readonly text?: string | undefined;
  readonly image?: string | undefined;
  readonly label?: string | undefined;
  /** Read no labels, whatever columns there are. */
  readonly unlabelled?: boolean | undefined;
}

export const isMisfit = (one: SourceExample | Misfit): one is Misfit => 'problem' in one;

/** Counts what is no example, and tells of the first three. */
export class Misfits {
  #count = 0;
  readonly #first: Misfit[] = [];

  get count(): number {
    return this.#count;
  }

  get first(): readonly Misfit[] {
    return this.#first;
  }

  add(misfit: Misfit): void {
    this.#count += 1;
    if (this.#first.length < 3) this.#first.push(misfit);
  }

  /** @throws DataError where a row was not understood: how many, and the first three */
  refuse(where: string): void {
    if (this.#count === 0) return;
    const lines = this.#first.map(({ place, problem }) => `  ${place}: ${problem}`);
    const more = this.#count > lines.length ? [`  and ${this.#count - lines.length} more`] : [];
    throw new DataError(
      `${where} has ${this.#count} rows that are not understood:\n${[...lines, ...more].join('\n')}\nCorrect them, or ask to leave such rows out.`,
    );
  }
}
