import { Random } from '../random.ts';
import type { DataSet } from './dataset.ts';
import { imageSize, normaliseImage } from './images.ts';
import { makeImageOdd, marksOf, oddImageForms, oddText, oddTextForms, oddWindow, oddWindowForms } from './odd.ts';
import { fillTokens, type Split, type SplitName } from './splits.ts';
import { windowCount } from './windows.ts';

/** Odd inputs to be measured on, and how each became odd. */
export interface OddSplit {
  readonly set: Split;
  /** One an example (or window). */
  readonly forms: readonly string[];
}

/**
 * The first `count` examples of a part made odd, the forms in turn; the same ones for the same seed, and others than training
 * draws. Labels stay those of what the examples were, and say nothing.
 */
export function oddSplit(data: DataSet, part: SplitName, count: number, seed: number): OddSplit {
  const random = (i: number) => Random.derive(seed, 'odd split', i);
  const turns = <F extends string>(forms: readonly F[], examples: number) =>
    Array.from({ length: examples }, (_, i) => forms[i % forms.length]!);

  if (data.task === 'language-model') {
    const { tokens, tokenizer } = data;
    const set = data[part];
    const windows = set.streams.flatMap((stream) =>
      Array.from({ length: windowCount({ ...set, streams: [stream] }, tokens) }, (_, i) =>
        stream.subarray(i * tokens, (i + 1) * tokens),
      ),
    );
    const taken = windows.slice(0, count);
    const forms = turns(oddWindowForms, taken.length);
    const streams = taken.map((window, i) => oddWindow(window, forms[i]!, tokenizer.size, random(i)));
    return { set: { ...set, streams }, forms };
  }

  if (data.task === 'text-classification') {
    const { tokens, tokenizer, padding } = data;
    const set = data[part];
    const options = { tokens, vocabulary: tokenizer.size, marks: marksOf(set.texts.ids) };
    const taken = set.texts.ids.slice(0, count);
    const forms = turns(oddTextForms, taken.length);
    const texts = taken.map((ids, i) => oddText(ids, forms[i]!, options, random(i)));
    return {
      set: {
        ...set,
        count: texts.length,
        feeds(start, batch) {
          const ids = new BigInt64Array(batch * tokens);
          const mask = new Float32Array(batch * tokens);
          for (let i = 0; i < batch; i++)
            fillTokens(texts[Math.min(start + i, texts.length - 1)]!, tokens, padding, ids, mask, i * tokens);
          return { ids, mask };
        },
      },
      forms,
    };
  }

  const set = data[part];
  const { images } = set;
  const size = imageSize(images);
  const forms = turns(oddImageForms, Math.min(count, set.count));
  return {
    set: {
      ...set,
      count: forms.length,
      feeds(start, batch) {
        const pixels = new Float32Array(batch * size);
        for (let i = 0; i < batch; i++) {
          const at = Math.min(start + i, forms.length - 1);
          normaliseImage(images, at, data.normalise, pixels, i * size);
          makeImageOdd(pixels.subarray(i * size, (i + 1) * size), forms[at]!, images, data.normalise, random(at));
        }
        return { images: pixels };
      },
    },
    forms,
  };
}
