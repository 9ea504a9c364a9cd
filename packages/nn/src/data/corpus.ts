import { DataError } from '@cipherformer/model';
import { readText } from '@cipherformer/model/files';

/** Texts of a language-model corpus, one string a file, cut by position. */
export interface Corpus {
  readonly train: readonly string[];
  readonly validation: readonly string[];
  readonly test: readonly string[];
}

/**
 * Reads plain-text files and cuts each by position: the first `split[0]` share for training, the next for
 * validation, the last for test. Cuts fall on the next white space, so that no word is torn.
 */
export function readCorpus(paths: readonly string[], split: readonly [number, number, number]): Corpus {
  const [train, validation, test] = split;
  const total = train + validation + test;
  if (!(train > 0 && validation >= 0 && test >= 0))
    throw new DataError(`A split needs shares >= 0, got ${split.join('/')}.`);
  const parts = paths.map((path) => {
    const text = readText(path);
    const cut = (share: number) => {
      const wanted = Math.floor((text.length * share) / total);
      const found = text.slice(wanted).search(/\s/);
      return found < 0 ? text.length : wanted + found;
    };
    const first = cut(train);
    const second = validation === 0 ? first : cut(train + validation);
    return [text.slice(0, first), text.slice(first, second), test === 0 ? '' : text.slice(second)] as const;
  });
  const column = (i: 0 | 1 | 2) => parts.map((part) => part[i]).filter((text) => text.length > 0);
  return { train: column(0), validation: column(1), test: column(2) };
}
