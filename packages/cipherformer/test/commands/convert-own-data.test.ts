// From a model's folder and a table to a polynomial model, without a recipe.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bertConfig, initialWeights, saveModel, shortfalls, undecided } from '@cipherformer/nn';
import { afterAll, describe, expect, it } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { cli } from './cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'convert-own-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const good = ['fine', 'lovely', 'great', 'warm'];
const bad = ['awful', 'cold', 'dull', 'grim'];
const words = ['a', 'film', 'the', 'plot', 'was', ...good, ...bad];
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words];
const config = bertConfig({ vocabulary: entries.length, maxTokens: 16, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' }); // biome-ignore format: one model
const preprocess = { classes: ['negative', 'positive'] };
saveModel(at('model'), { config, weights: initialWeights(config, 1), preprocess }, wordPieceFiles(entries));

const sentence = (i: number) =>
  `the plot was ${(i % 2 ? good : bad)[i % 4]}, a ${(i % 2 ? good : bad)[(i >> 2) % 4]} film`;
const table = (labels: readonly string[]) =>
  `review,stars\n${Array.from({ length: 200 }, (_, i) => `"${sentence(i)}",${labels[i % 2]}`).join('\n')}\n`;
writeFileSync(at('reviews.csv'), table(['negative', 'positive']));
writeFileSync(at('other.csv'), table(['bad', 'good']));

const convert = (file: string, ...more: string[]) => cli('convert', at('model'), '--data', at(file), ...more);

describe('cipherformer convert, without a recipe', () => {
  it('tells what it found and chose before it starts, and leaves a model that knows what it can', async () => {
    const { code, out, err } = await convert('reviews.csv', '--quick', '--half', '--out', at('out'));
    expect(code).toBe(0);
    expect(err).toMatch(/columns: text "review" \(guessed\), label "stars" \(guessed\)/);
    expect(err).toMatch(/validation and test held out of training by seed 1/);
    expect(err).toMatch(/350 steps: a first model; 3500 are usual[\s\S]*about .* on this machine; 2 levels/);
    expect(err).toMatch(
      /encrypted, predicted for this shape: \d+ s of processor time an input, [\d.]+ GiB of keys, [\d.]+ GiB of memory/,
    );
    expect(err).toMatch(/at most 1\.3 points of accuracy/);
    expect(out).toMatch(/inputs unlike any training example: \d+ of 20 outside/);
    const record = JSON.parse(readFileSync(at('out/conversion.json'), 'utf8'));
    expect(out.match(/^SHORT of what is promised: .*\n {2}to try: /gm) ?? []).toHaveLength(shortfalls(record).length);
    expect(out.match(/^too few examples to tell .*95 % interval .* would tell$/gm) ?? []).toHaveLength(
      undecided(record).length,
    );
    expect(record.robustness.examples).toBe(20);
    expect(readFileSync(at('out/report.html'), 'utf8')).toContain('Inputs unlike any training example');
    expect(statSync(at('out/model.safetensors')).size).toBeLessThan(statSync(at('out/trained/model.safetensors')).size);
    const asked = await cli('predict', at('out'), '--text', sentence(1), '--json');
    expect(JSON.parse(asked.out).results[0].inRange).toBe(true);
  }, 60_000);

  it('writes the recipe to be edited, which the same data takes', async () => {
    const written = await convert('reviews.csv', '--quick', '--write-recipe', at('recipe.json'), '--json');
    expect([written.code, JSON.parse(written.out)]).toEqual([0, { recipe: at('recipe.json') }]);
    const shown = await convert(
      'reviews.csv',
      '--quick',
      '--tokens',
      '12',
      '--write-recipe',
      at('recipe.json'),
      '--out',
      at('b c'),
    );
    expect(shown.err).toContain(
      `next: npx cipherformer convert ${at('model')} --data ${at('reviews.csv')} --tokens 12 --out '${at('b c')}' --recipe ${at('recipe.json')}\n`,
    );
    const planned = await convert('reviews.csv', '--recipe', at('recipe.json'), '--dry-run', '--json');
    expect([planned.code, JSON.parse(planned.out).parts[0].name]).toEqual([0, 'attention']);
  });

  it.each([
    ['labels that the model has not', 'other.csv', [], 1, /"bad"[\s\S]*"negative"/],
    ['a column that is not there', 'reviews.csv', ['--text-column', 'text'], 1, /no column "text"[\s\S]*"review"/],
    ['no hours', 'reviews.csv', ['--hours', '0'], 2, /--hours <n>.* positive number/],
    ['a file that is not there', 'none.csv', [], 1, /none\.csv/],
  ] as const)('refuses %s before anything is written', async (_, file, more, wanted, words) => {
    const { code, err } = await convert(file, ...more, '--out', at('refused'));
    expect([code, err]).toEqual([wanted, expect.stringMatching(words)]);
    expect(existsSync(at('refused'))).toBe(false);
  });
});
