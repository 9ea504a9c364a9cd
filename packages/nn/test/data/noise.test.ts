import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { batches } from '../../src/data/batches.ts';
import { dataSchema } from '../../src/data/config.ts';
import * as datasets from '../../src/data/datasets.ts';

const root = mkdtempSync(join(tmpdir(), 'noise-'));
afterAll(() => rmSync(root, { recursive: true }));

const rows = Array.from({ length: 40 }, (_, i) => `aaaa ${i % 2 ? 'bbbb' : 'cccc'} aaaa dddd\t${i % 2}`);
writeFileSync(join(root, 'rows.tsv'), `text\tlabel\n${rows.join('\n')}\n`);
writeFileSync(join(root, 'book.txt'), 'The quick brown fox jumps over the lazy dog. '.repeat(400));

const batch = 8;
const load = async (data: unknown) => {
  const set = await datasets.load(dataSchema.parse(data), { root });
  return { set, ...batches(set, { batch, seed: 1 }) };
};
const tokenizer = { kind: 'train-bpe', size: 300, specials: ['[PAD]', '[CLS]', '[SEP]', '[UNK]'] };
const corpus = () => load({ kind: 'corpus', files: ['book.txt'], split: [8, 1, 1], tokens: 64, tokenizer });
const ids = (feeds: Readonly<Record<string, unknown>>) => [...(feeds.ids as BigInt64Array)].map(Number);
const noise = { examples: 0.25, tokens: 0.5 };

describe('noise of tokens', () => {
  it('replaces about the share asked for in the first windows, and leaves the others and all targets', async () => {
    const data = await corpus();
    const plain = data.feeds(5);
    const [before, targets] = [ids(plain), [...(plain.targets as BigInt64Array)]];
    const noisy = data.feeds(5, { noise });
    const after = ids(noisy);
    const changed = after.map((id, i) => id !== before[i]);
    expect(changed.slice(2 * 64)).not.toContain(true);
    // 128 positions at one half: 64, standard deviation 5.7 (a random token is the old one once in 300).
    expect(Math.abs(changed.filter(Boolean).length - 64)).toBeLessThan(25);
    expect(Math.max(...after)).toBeLessThan(data.set.outputs);
    expect([...(noisy.targets as BigInt64Array)]).toEqual(targets);
    expect(ids(data.feeds(5, { noise }))).toEqual(after);
    expect(ids(data.feeds(6, { noise }))).not.toEqual(after);
    expect(ids(data.feeds(5))).toEqual(before);
  });

  it('leaves the marks at the ends of a text, and its padding', async () => {
    const vocabulary = join(root, 'vocab.txt');
    const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'aaaa', 'bbbb', 'cccc', 'dddd'];
    writeFileSync(vocabulary, `${words.join('\n')}\n`);
    const data = await load({
      kind: 'texts',
      train: 'rows.tsv',
      validation: 8,
      test: 'rows.tsv',
      classes: ['no', 'yes'],
      tokens: 8,
      tokenizer: { kind: 'wordpiece', vocabulary: 'vocab.txt' },
    });
    const feeds = data.feeds(0, { noise: { examples: 1, tokens: 1 } });
    const after = ids(feeds);
    const seen = new Set<number>();
    for (let example = 0; example < batch; example++) {
      const row = after.slice(8 * example, 8 * example + 8);
      expect([row[0], row[5], row[6], row[7]]).toEqual([2, 3, 0, 0]);
      for (const id of row.slice(1, 5)) seen.add(id);
    }
    // Any token of the vocabulary, of which the texts use four.
    expect(seen.size).toBeGreaterThan(6);
  });
});
