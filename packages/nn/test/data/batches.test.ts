// Recorded runs are made again from a seed: the bytes of every batch stay what they were when these digests were taken.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readText } from '../../../model/src/files/storage.ts';
import { batches, type Draw } from '../../src/data/batches.ts';
import { drawingOf, parseData } from '../../src/data/config.ts';
import * as datasets from '../../src/data/datasets.ts';
import type { Feeds } from '../../src/onnx/session.ts';

const root = mkdtempSync(join(tmpdir(), 'batches-'));
afterAll(() => rmSync(root, { recursive: true }));
const sample = (name: string) => join(import.meta.dirname, name);
const put = (name: string, content: string | Uint8Array) => writeFileSync(join(root, name), content);

const book = readText(sample('moby-dick-opening.txt.gz'));
const sentences = book.split(/(?<=\.)\s+/).map((text) => text.replaceAll(/\s+/g, ' ').trim()).filter(Boolean); // biome-ignore format: one chain
const table = (texts: readonly string[]) => texts.map((text, i) => `${text}\t${(i * i) % 3}\n`).join('');
const letters = [...'abcdefghijklmnopqrstuvwxyz'].flatMap((letter) => [letter, `##${letter}`]);
const record = (i: number) =>
  Uint8Array.from({ length: 3073 }, (_, at) => (at === 0 ? i % 10 : (i * 31 + at * at) % 256));
const digits = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
for (const name of Object.values(digits)) copyFileSync(sample(name), join(root, name));
put('sentences.tsv', `text\tlabel\n${table(sentences)}`);
put('nine.tsv', `text\tlabel\n${table(sentences.slice(0, 9))}`);
put('book.txt', book);
put('half.txt', book.slice(book.length >> 1));
put('vocab.txt', ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'of', 'ship', ...letters].join('\n'));
put('colours.bin', Buffer.concat(Array.from({ length: 40 }, (_, i) => record(i))));

const images = { kind: 'mnist', train: digits, test: digits, validation: 20, normalise: { mean: [0.1307], deviation: [0.3081], contrast: 1.1 } }; // biome-ignore format: one line a set
const mean = [0.4914, 0.4822, 0.4465];
const colours = { kind: 'cifar10', train: ['colours.bin'], test: ['colours.bin'], validation: 4, normalise: { mean, deviation: [0.2, 0.2, 0.2] } }; // biome-ignore format: one line a set
const texts = { kind: 'texts', train: 'sentences.tsv', test: 'nine.tsv', classes: ['no', 'yes', 'maybe'], tokens: 48 };
const pieces = { kind: 'wordpiece', vocabulary: 'vocab.txt', minimum: 2 };
const specials = ['[PAD]', '[CLS]', '[SEP]', '[UNK]'];
const corpus = { kind: 'corpus', files: ['book.txt', 'half.txt'], split: [8, 1, 1], tokens: 24 };

/** Every third place takes another example, as stages with hard examples do. */
const exchange: Draw['exchange'] = (examples, step) =>
  Array.from(examples, (example, i) => (i % 3 ? example : (step + i) % 30));
const noise = { examples: 0.5, tokens: 0.3 };

interface Case {
  readonly data: unknown;
  readonly labelSmoothing?: number;
  readonly draw?: Draw;
  /** [examples, steps in an epoch, digest of the first batches of three seeds, digest of the three splits] */
  readonly expected: readonly [number, number, string, string];
}
const cases: Record<string, Case> = {
  'digits as they are': { data: images, expected: [80, 10, 'f89411fb71d041b6', 'a221dfc115987841'] },
  'digits, a few, other ones, changed and mixed': {
    data: { ...images, limit: 50, augment: { flip: true, shift: 2, rotate: 15, zoom: 0.2, jitter: 0.1, cutout: 6, mixup: 0.3 } },
    labelSmoothing: 0.1,
    draw: { exchange },
    expected: [50, 6, 'ce03ebe6763adff3', 'cbd6ef749a204510'],
  },
  'colours, moved': { data: { ...colours, augment: { flip: true, shift: 4 } }, labelSmoothing: 0.05, expected: [36, 4, '5f9340098613d440', '449297c1a7a1c617'] },
  'texts of three lengths, tokens dropped': {
    data: { ...texts, validation: 12, buckets: [12, 24, 64], tokenDropout: 0.1, tokenizer: pieces },
    labelSmoothing: 0.1,
    expected: [134, 16, 'c85533299c02d100', 'b61d4d747730e073'],
  },
  'texts, other ones, with random tokens': {
    data: { ...texts, validation: 'nine.tsv', limit: 60, tokenDropout: 0.05, tokenizer: { kind: 'train-bpe', size: 300, specials } },
    draw: { exchange, noise },
    expected: [60, 7, '72eb79edd9d8023e', '8a3e9b6a51099812'],
  },
  'windows of two books': { data: { ...corpus, tokenizer: { kind: 'train-bpe', size: 320 } }, expected: [760, 95, '61f0f7b1d3775261', 'a4b99d6fd5b44e23'] },
  'windows, a few, with random tokens': {
    data: { ...corpus, limit: 31, tokenizer: { kind: 'characters' } },
    draw: { noise },
    expected: [32, 4, '5c4b726c3547fa33', '3614569eb91c4f09'],
  },
}; // biome-ignore format: a table

const batch = 8;
const steps = 40;

/** Adds the names, the sizes and the bytes of a model's inputs. */
function add(hash: ReturnType<typeof createHash>, feeds: Feeds): void {
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(feeds).sort()) {
    hash.update(`${name} ${byteLength} `).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
}
const sha256 = () => createHash('sha256');
const short = (hash: ReturnType<typeof sha256>) => hash.digest('hex').slice(0, 16);

describe('the same seed draws the same bytes', () => {
  it.each(Object.entries(cases))('%s', async (_, { data, labelSmoothing = 0, draw, expected }) => {
    const config = parseData({ data }, 'recipe');
    const set = await datasets.load(config, { root });
    const options = { batch, labelSmoothing, ...drawingOf(config) };
    const drawn = sha256();
    for (const seed of [1, 2, 77]) {
      const { feeds } = batches(set, { ...options, seed });
      for (let step = 0; step < steps; step++) add(drawn, feeds(step * (1 + (step % 7)), draw));
    }
    const evaluated = sha256();
    for (const split of ['train', 'validation', 'test'] as const) {
      const part = set[split];
      if (part.kind === 'language') {
        evaluated.update(`${part.characters} ${part.words} `);
        for (const stream of part.streams) add(evaluated, { stream } as unknown as Feeds);
      } else {
        evaluated.update(
          `${part.count} ${part.classes} ${Array.from({ length: part.count }, (_, i) => part.label(i))} `,
        );
        for (let start = 0; start < part.count; start += batch) add(evaluated, part.feeds(start, batch));
      }
    }
    const { examples, stepsPerEpoch } = batches(set, { ...options, seed: 1 });
    expect([examples, stepsPerEpoch, short(drawn), short(evaluated)]).toEqual(expected);
  });
});
