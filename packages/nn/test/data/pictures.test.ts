// Pictures that recipes name: tables and folders as they are, a list of classes, and what does not fit together.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../../model/src/errors.ts';
import { parseData } from '../../src/data/config.ts';
import { load } from '../../src/data/datasets.ts';

const root = mkdtempSync(join(tmpdir(), 'pictures-'));
afterAll(() => rmSync(root, { recursive: true }));
const put = (name: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
};
const pictures = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../model/test/references/pictures.json'), 'utf8'),
) as readonly { readonly name: string; readonly file: string }[];
const png = Buffer.from(pictures.find(({ name }) => name === 'colours')!.file, 'base64');
// Where PNG's header has them.
const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];

put('classes.txt', 'n01\tgoldfish\nn02\tnewt\n');
for (let i = 0; i < 8; i++) put(`train/${i % 2 ? 'newt' : 'n01'}/${i}.png`, png);
for (let i = 0; i < 3; i++) put(`test/1/${i}.png`, png);
const data = {
  kind: 'pictures',
  ...{ train: ['train'], test: ['test'], classes: 'classes.txt', validation: 2 },
  image: { channels: 3, height, width },
  normalise: { mean: [0, 0, 0], deviation: [1, 1, 1] },
};
const loaded = (change: object = {}) => load(parseData({ data: { ...data, ...change } }, 'here'), { root });

describe('pictures', () => {
  it('have the classes that marks, names and numbers of lines say', async () => {
    const set = await loaded();
    expect([set.task, set.outputs, set.classes]).toEqual(['image-classification', 2, ['goldfish', 'newt']]);
    const labels = (part: 'train' | 'validation' | 'test') => {
      const split = set[part];
      return split.kind === 'classification' ? Array.from({ length: split.count }, (_, i) => split.label(i)) : [];
    };
    expect([labels('train'), labels('validation'), labels('test')]).toEqual([
      [0, 0, 0, 0, 1, 1],
      [1, 1],
      [1, 1, 1],
    ]);
    expect(set.train.kind === 'classification' && set.train.feeds(0, 1).images!.length).toBe(3 * height * width);
  });

  it.each([
    ['of another size', { image: { channels: 3, height: 4, width: 4 } }, /8 rows .* pixels, the model takes 4 x 4/s],
    ['that are damaged, counted and named', { train: ['damaged'] }, /1 rows .*3\.png: it is a damaged/s],
    ['of no class', { train: ['train', 'others'] }, /1 rows .*its label "shark" is no class/s],
    ['of fewer classes than are listed', { classes: 'three.txt' }, /names 3 classes, .* have 2: none is "salamander"/],
    ['with a class twice', { classes: 'twice.txt' }, /names the class "n01" twice/],
    ['with one class', { classes: 'one.txt' }, /names 1 classes/],
    ['that are texts', { train: ['texts.csv'] }, /texts where pictures are needed/],
  ])('%s are refused', async (_, change, message) => {
    for (let i = 0; i < 4; i++) put(`damaged/newt/${i}.png`, i < 3 ? png : png.subarray(0, 60));
    put('others/shark/0.png', png);
    put('three.txt', 'n01\tgoldfish\nn02\tnewt\nn03\tsalamander\n');
    put('twice.txt', 'n01\na\nn01\n');
    put('one.txt', 'n01\n');
    put('texts.csv', 'text,label\na b,0\n');
    await expect(loaded(change)).rejects.toThrow(DataError);
    await expect(loaded(change)).rejects.toThrow(message);
  });
});
