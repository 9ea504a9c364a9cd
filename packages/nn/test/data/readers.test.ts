import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { augmentImage, augmentSchema, noAugmentation, symmetricBeta } from '../../src/data/augment.ts';
import { readCorpus } from '../../src/data/corpus.ts';
import { type ImageSet, normaliseImage, readCifar10, readMnist } from '../../src/data/images.ts';
import { BucketOrder, EpochOrder } from '../../src/data/order.ts';
import { parseCsv, readTexts } from '../../src/data/texts.ts';
import { DataError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'readers-'));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const columns = { text: 'text', label: 'label' };
const sample = (name: string) => join(import.meta.dirname, name);

describe('image files', () => {
  it('reads MNIST from the sample in this folder', () => {
    const set = readMnist(sample('mnist-100-images-idx3-ubyte.gz'), sample('mnist-100-labels-idx1-ubyte.gz'));
    expect([set.count, set.channels, set.height, set.width]).toEqual([100, 1, 28, 28]);
    // The official test set begins 7 2 1 0 4 1 4 9 5 9.
    expect([...set.labels.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    expect(set.pixels.reduce((sum, value) => sum + value, 0) / set.pixels.length / 255).toBeCloseTo(0.13, 1);
  });

  it('reads CIFAR-10 records, several files in a row, packed or not', () => {
    const record = (label: number, value: number) => Buffer.concat([Uint8Array.of(label), new Uint8Array(3072).fill(value)]);
    const a = put('a.bin', Buffer.concat([record(3, 10), record(9, 20)]));
    const b = put('b.bin.gz', gzipSync(record(0, 30)));
    const set = readCifar10([a, b]);
    expect([...set.labels]).toEqual([3, 9, 0]);
    expect(set.pixels[3072 * 2 + 5]).toBe(30);
    expect(() => readCifar10([put('c.bin', record(10, 0))])).toThrow(/label 10/);
    expect(() => readCifar10([put('d.bin', new Uint8Array(3074))])).toThrow(DataError);
    expect(() => readCifar10([join(folder, 'nothing.bin')])).toThrow(/no such file/);
    expect(() => readCifar10([put('e.bin.gz', gzipSync(record(0, 1)).subarray(0, -9))])).toThrow(/damaged gzip/);
  });

  it('refuses IDX files of the wrong kind or length', () => {
    const images = sample('mnist-100-images-idx3-ubyte.gz');
    const labels = sample('mnist-100-labels-idx1-ubyte.gz');
    expect(() => readMnist(labels, labels)).toThrow(/magic number/);
    const short = new Uint8Array(8 + 3);
    new DataView(short.buffer).setUint32(0, 2049);
    new DataView(short.buffer).setUint32(4, 5);
    expect(() => readMnist(images, put('short', short))).toThrow(/announces 5 values and holds 3/);
    new DataView(short.buffer).setUint32(4, 3);
    expect(() => readMnist(images, put('three', short))).toThrow(/100 images.* 3 labels/);
  });
});

describe('text files', () => {
  const expected = { texts: ['one, two', 'three "four"'], labels: [1, 0] };

  it('reads TSV, CSV and JSON lines alike, packed or not', async () => {
    const tsv = 'label\ttext\n1\tone, two\n0\tthree "four"\n';
    expect(await readTexts(put('t.tsv', tsv), columns)).toEqual(expected);
    expect(await readTexts(put('t.tsv.gz', gzipSync(tsv)), columns)).toEqual(expected);
    const csv = 'id,text,label\r\n1,"one, two",1\r\n2,"three ""four""",0\r\n';
    expect(await readTexts(put('t.csv', csv), columns)).toEqual(expected);
    const json = '{"text":"one, two","label":1,"more":[]}\n{"text":"three \\"four\\"","label":0}\n';
    expect(await readTexts(put('t.jsonl', json), columns)).toEqual(expected);
  });

  it('reads Parquet from the sample in this folder', async () => {
    const set = await readTexts(sample('three-rows.parquet'), columns);
    expect(set).toEqual({ texts: [...expected.texts, 'na\u00efve \u2014 caf\u00e9'], labels: [1, 0, 2] });
    await expect(readTexts(sample('three-rows.parquet'), { text: 'id', label: 'label' })).rejects.toThrow(/needs "id"/);
  });

  it('says which file, row and column is wrong', async () => {
    await expect(readTexts(put('u.tsv', 'a\tb\n1\tx\n'), columns)).rejects.toThrow(/no column "text"; its first line names a, b/);
    await expect(readTexts(put('v.tsv', 'label\ttext\n1\tx\n1\n'), columns)).rejects.toThrow(/example 2 has 1 cells/);
    await expect(readTexts(put('w.tsv', 'label\ttext\nx\ty\n'), columns)).rejects.toThrow(/label "x"/);
    await expect(readTexts(put('x.jsonl', '{"text":1}\n'), columns)).rejects.toThrow(/example 1: needs "text"/);
    await expect(readTexts(put('x.txt', ''), columns)).rejects.toThrow(/\.parquet/);
    await expect(readTexts(put('x.parquet', 'PAR1 no'), columns)).rejects.toThrow(/Parquet/);
    await expect(readTexts(put('y.csv', 'text,label\n"open,1\n'), columns)).rejects.toThrow(/not closed/);
    await expect(readTexts(put('z.tsv', Uint8Array.of(0x61, 0xff, 0x0a)), columns)).rejects.toThrow(/UTF-8/);
  });

  it('CSV cells of any content survive quoting', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') });
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1 });
    fc.assert(
      fc.property(rows, (table) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = table.map((row) => row.map(quote).join(',')).join('\n');
        expect(parseCsv(text, 'x')).toEqual(table);
      }),
    );
  });

  it('cuts a corpus by position without losing or tearing a word', () => {
    const text = Array.from({ length: 500 }, (_, i) => `word${i}`).join(' ');
    const corpus = readCorpus([put('c.txt', text), put('d.txt.gz', gzipSync(text))], [90, 5, 5]);
    for (let i = 0; i < 2; i++) {
      const parts = [corpus.train[i]!, corpus.validation[i]!, corpus.test[i]!];
      expect(parts.join('')).toBe(text);
      expect(parts[0]!.length / text.length).toBeCloseTo(0.9, 2);
      for (const part of parts) for (const word of part.trim().split(/\s+/)) expect(word).toMatch(/^word\d+$/);
    }
  });
});

describe('augmentation', () => {
  const normalisation = { mean: [0.5], deviation: [0.25] };
  const ramp: ImageSet = {
    channels: 1,
    height: 5,
    width: 5,
    count: 1,
    pixels: Uint8Array.from({ length: 25 }, (_, i) => 10 * i),
    labels: Uint8Array.of(0),
  };
  const run = (augmentation: Partial<typeof noAugmentation>, seed: number) => {
    const target = new Float32Array(25);
    augmentImage(ramp, 0, normalisation, augmentSchema.parse(augmentation), new Random(seed), target, 0);
    return [...target];
  };
  const plain = () => {
    const target = new Float32Array(25);
    normaliseImage(ramp, 0, normalisation, target, 0);
    return [...target];
  };

  it('does nothing when nothing is asked for', () => {
    run({}, 1).forEach((value, i) => expect(value).toBeCloseTo(plain()[i]!, 5));
  });

  it('flips, shifts by whole pixels, and repeats for the same seed', () => {
    const flipped = Array.from({ length: 25 }, (_, i) => plain()[i - (i % 5) + 4 - (i % 5)]!);
    const seen = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const values = run({ flip: true }, seed);
      expect(values).toEqual(run({ flip: true }, seed));
      const like = [plain(), flipped].findIndex((other) => other.every((v, i) => Math.abs(v - values[i]!) < 1e-5));
      seen.add(`${like}`);
    }
    expect([...seen].sort()).toEqual(['0', '1']);
    const allowed = new Set([...plain(), -2].map((value) => value.toFixed(4)));
    for (let seed = 0; seed < 10; seed++) for (const value of run({ shift: 2 }, seed)) expect(allowed).toContain(value.toFixed(4));
  });

  it('rotates about the centre, which stays', () => {
    for (let seed = 0; seed < 10; seed++) expect(run({ rotate: 45, zoom: 0.3 }, seed)[12]).toBeCloseTo(plain()[12]!, 4);
  });

  it('sets a square to the mean colour', () => {
    for (let seed = 0; seed < 10; seed++) {
      const zeros = run({ cutout: 2 }, seed).filter((value) => value === 0).length;
      expect(zeros).toBeGreaterThan(0);
      expect(zeros).toBeLessThanOrEqual(4);
    }
  });

  it('draws mixing shares from a symmetric Beta distribution', () => {
    const random = new Random(1);
    const draws = Array.from({ length: 4000 }, () => symmetricBeta(random, 0.4));
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    // Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    expect(mean).toBeCloseTo(0.5, 1);
    expect(variance).toBeCloseTo(1 / (4 * 1.8), 1);
  });
});

describe('the order of examples', () => {
  it('shows every example once an epoch, in another order each, and is the same from any step', () => {
    const order = new EpochOrder(20, 5, 3);
    const epoch = (n: number) => [0, 1, 2, 3].flatMap((i) => [...order.examples(4 * n + i)]);
    const sorted = (values: number[]) => [...values].sort((a, b) => a - b);
    const all = Array.from({ length: 20 }, (_, i) => i);
    expect(sorted(epoch(0))).toEqual(all);
    expect(sorted(epoch(1))).toEqual(all);
    expect(epoch(0)).not.toEqual(epoch(1));
    const later = new EpochOrder(20, 5, 3);
    expect([...later.examples(6)]).toEqual([...order.examples(6)]);
    expect([...new EpochOrder(20, 5, 4).examples(0)]).not.toEqual([...order.examples(0)]);
  });
});

describe('batches by length', () => {
  it('fit their bucket, use every example once but the last few, and are the same from any step', () => {
    const lengths = Array.from({ length: 103 }, (_, i) => 1 + ((i * 37) % 50));
    const order = new BucketOrder(lengths, [16, 8, 64], 10, 5);
    expect(order.stepsPerEpoch).toBe(10);
    for (const epoch of [0, 1]) {
      const batches = Array.from({ length: 10 }, (_, i) => order.step(10 * epoch + i));
      const seen = batches.flatMap((batch) => batch.examples);
      expect(seen.length).toBe(100);
      expect(new Set(seen).size).toBe(100);
      for (const { examples, tokens } of batches) {
        expect(examples.length).toBe(10);
        for (const example of examples) expect(lengths[example]).toBeLessThanOrEqual(tokens);
      }
      // 16 % of the lengths are at most 8, 16 % more at most 16.
      expect(batches.filter((batch) => batch.tokens === 8).length).toBe(1);
      expect(batches.filter((batch) => batch.tokens === 16).length).toBeGreaterThanOrEqual(1);
    }
    expect(new BucketOrder(lengths, [8, 16, 64], 10, 5).step(17)).toEqual(order.step(17));
  });
});

describe('random numbers', () => {
  it('are uniform, normal and independent of the order of use', () => {
    const random = new Random(9);
    const draws = Array.from({ length: 20000 }, () => random.normal());
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Random.derive(1, 'a', 2).uint32()).toBe(Random.derive(1, 'a', 2).uint32());
    const streams = [[1, 'a', 2], [2, 'a', 2], [1, 'b', 2], [1, 'a', 3]] as const;
    expect(new Set(streams.map(([s, l, i]) => Random.derive(s, l, i).uint32())).size).toBe(4);
  });

  it('drop the share they are asked to, and keep the mean', () => {
    const mask = new Float32Array(40001);
    new Random(1).fillDropoutMask(mask, 0.25);
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    expect(dropped).toBeCloseTo(0.25, 1);
    expect(mask.reduce((a, b) => a + b, 0) / mask.length).toBeCloseTo(1, 1);
    expect(new Set(mask).size).toBe(2);
  });
});
