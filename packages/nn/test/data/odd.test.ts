import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batches } from '../../src/data/batches.ts';
import { imageDataSet, textDataSet } from '../../src/data/dataset.ts';
import {
  makeImageOdd,
  marksOf,
  oddImageForms,
  oddText,
  oddTextForms,
  oddWindow,
  oddWindowForms,
} from '../../src/data/odd.ts';
import { oddSplit } from '../../src/data/odd-split.ts';
import { Random } from '../../src/random.ts'; // biome-ignore format: one line

const ids = (...values: number[]) => Int32Array.from(values);
const marks = { before: 1, after: 1 };
const vocabulary = 50;
const text = ids(2, 10, 11, 12, 13, 3);
const made = (form: (typeof oddTextForms)[number], seed = 1, tokens = 12) => [
  ...oddText(text, form, { tokens, vocabulary, marks }, new Random(seed)),
];

describe('texts unlike any training text', () => {
  it('keep their marks, their limit and the vocabulary, whatever they are made of', () => {
    const token = fc.integer({ min: 4, max: vocabulary - 1 });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 10 }), fc.constantFrom(...oddTextForms), fc.nat(), (words, form, seed) => {
        const odd = [...oddText(ids(2, ...words, 3), form, { tokens: 12, vocabulary, marks }, new Random(seed))];
        expect([odd[0], odd.at(-1)]).toEqual([2, 3]);
        expect(odd.length).toBeGreaterThanOrEqual(2);
        expect(odd.length).toBeLessThanOrEqual(12);
        expect(odd.every((id) => Number.isInteger(id) && id >= 0 && id < vocabulary)).toBe(true);
      }),
    );
  }); // biome-ignore format: one property

  it('are what their form says', () => {
    expect(made('empty')).toEqual([2, 3]);
    expect(made('longest')).toEqual([2, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 3]);
    expect(made('shuffled').slice(1, -1).sort()).toEqual([10, 11, 12, 13]);
    expect(new Set(made('repeated').slice(1, -1)).size).toBe(1);
    for (let seed = 0; seed < 20; seed++) expect(new Set(made('cycle', seed, 30).slice(1, -1)).size).toBeLessThanOrEqual(3);
    expect(made('random')).not.toEqual([...text]);
    expect(made('random')).toHaveLength(text.length);
  }); // biome-ignore format: one line a form

  it('find marks where all texts have them', () => {
    expect(marksOf([text, ids(2, 9, 3)])).toEqual({ before: 1, after: 1 });
    expect(marksOf([ids(1, 9, 8), ids(1, 7)])).toEqual({ before: 1, after: 0 });
    expect(marksOf([ids(5, 9), ids(1, 7)])).toEqual({ before: 0, after: 0 });
  });

  it('a window begins again and again, as a prompt is filled up', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const window = [...oddWindow(ids(4, 5, 6, 7, 8), 'again', vocabulary, new Random(seed))];
      const prompt = window.indexOf(4, 1);
      seen.add(prompt);
      for (const [t, id] of window.entries()) expect(id).toBe(4 + (prompt < 0 ? t : t % prompt));
    }
    expect(seen.size).toBeGreaterThan(2);
  });

  it('windows of running text keep their length', () => {
    for (const form of oddWindowForms)
      expect(oddWindow(ids(4, 5, 6, 7, 8), form, vocabulary, new Random(3))).toHaveLength(5);
  });
});

const shape = { channels: 2, height: 6, width: 5 };
const normalise = { mean: [0.3, 0.5], deviation: [0.2, 0.25] };
const pixels = (image: Float32Array) =>
  Array.from(image, (value, i) => {
    const c = Math.floor(i / 30);
    return (value * normalise.deviation[c]! + normalise.mean[c]!) * 255;
  });
const picture = (seed: number) => {
  const random = new Random(seed);
  return Float32Array.from({ length: 60 }, (_, i) => {
    const c = Math.floor(i / 30);
    return (random.integer(256) / 255 - normalise.mean[c]!) / normalise.deviation[c]!;
  });
};

describe('images unlike any training image', () => {
  it.each(oddImageForms)('%s: pixels stay within 0 to 255', (form) => {
    for (let seed = 0; seed < 20; seed++) {
      const image = picture(seed);
      makeImageOdd(image, form, shape, normalise, new Random(seed));
      for (const pixel of pixels(image)) {
        expect(pixel).toBeGreaterThan(-1e-3);
        expect(pixel).toBeLessThan(255 + 1e-3);
      }
    }
  });

  it('are what their form says', () => {
    const as = (form: (typeof oddImageForms)[number]) => {
      const image = picture(1);
      makeImageOdd(image, form, shape, normalise, new Random(1));
      return pixels(image).map(Math.round);
    };
    const before = pixels(picture(1)).map(Math.round);
    expect(as('inverted')).toEqual(before.map((pixel) => 255 - pixel));
    expect(new Set(as('posterised')).size).toBeLessThanOrEqual(4);
    expect(new Set(as('flat').slice(0, 30)).size).toBe(1);
    expect(new Set(as('tiled').slice(0, 30)).size).toBeLessThanOrEqual(9);
    expect(as('random')).not.toEqual(before);
  });

  it('keep to the limit of contrast', () => {
    const limited = { ...normalise, contrast: 1 };
    for (const form of oddImageForms) {
      const image = picture(2);
      makeImageOdd(image, form, shape, limited, new Random(2));
      const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
      const deviation = Math.sqrt(image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.length);
      expect(deviation).toBeLessThan(1 + 1e-5);
    }
  });
});

const images = imageDataSet(
  () => ({
    ...shape,
    count: 16,
    pixels: Uint8Array.from({ length: 16 * 60 }, (_, i) => (i * 37) % 256),
    labels: Uint8Array.from({ length: 16 }, (_, i) => i % 3),
  }),
  { outputs: 3, classes: ['a', 'b', 'c'], image: shape, normalise },
);
const tokenizer = { size: vocabulary, id: () => undefined } as unknown as Parameters<
  typeof textDataSet
>[1]['tokenizer'];
const texts = textDataSet(
  () => ({ ids: Array.from({ length: 16 }, (_, i) => ids(2, 10 + i, 20 + i, 3)), labels: Array.from({ length: 16 }, (_, i) => i % 2) }),
  { classes: ['a', 'b'], tokens: 8, tokenizer },
); // biome-ignore format: one set a statement

describe('batches with odd inputs', () => {
  it.each([['images', images, 'images', 60], ['texts', texts, 'ids', 8]] as const)('%s: the first ones are odd and without labels, the others as they were', (_, data, name, size) => {
    const source = batches(data, { batch: 8, seed: 1 });
    const copy = (step: number, odd?: number) => {
      const feeds = source.feeds(step, odd === undefined ? undefined : { odd });
      return { inputs: Array.from(feeds[name] as ArrayLike<number | bigint>, Number), targets: [...(feeds.targets as Float32Array)] };
    };
    const [plain, odd] = [copy(3), copy(3, 0.25)];
    expect(odd.inputs.slice(2 * size)).toEqual(plain.inputs.slice(2 * size));
    expect(odd.inputs.slice(0, 2 * size)).not.toEqual(plain.inputs.slice(0, 2 * size));
    const outputs = data.outputs;
    expect(odd.targets.slice(0, 2 * outputs).every((target) => target === 0)).toBe(true);
    expect(odd.targets.slice(2 * outputs)).toEqual(plain.targets.slice(2 * outputs));
    expect(copy(3, 0.25)).toEqual(odd);
  }); // biome-ignore format: a title

  it('splits hold every form in turn, the same for the same seed', () => {
    for (const [data, forms] of [[images, oddImageForms], [texts, oddTextForms]] as const) {
      const odd = oddSplit(data, 'test', 12, 5);
      expect(odd.forms).toEqual([...forms, ...forms]);
      if (odd.set.kind !== 'classification') throw new Error('not a classifier');
      expect(odd.set.count).toBe(12);
      const same = oddSplit(data, 'test', 12, 5);
      expect(same.set.kind === 'classification' && same.set.feeds(0, 12)).toEqual(odd.set.feeds(0, 12));
    }
  }); // biome-ignore format: pairs
});
