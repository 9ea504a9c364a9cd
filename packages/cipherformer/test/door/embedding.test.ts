// An encoder of sentences without labels: converted by what the original makes of texts, asked encrypted, and searched with.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bertConfig, initialWeights, parseModelConfig, saveModel } from '@cipherformer/nn';
import { compile, connect, loadModel, PolynomialModel } from 'cipherformer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { cli } from '../commands/cli.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'embedding-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const words = ['sea', 'ship', 'sail', 'wave', 'deck', 'bread', 'oven', 'salt', 'flour', 'knife', 'moon', 'star'];
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words];
const width = 8;
const sentence = (i: number) =>
  Array.from({ length: 1 + (i % 5) }, (_, k) => words[(i * 7 + k * (1 + (i % 4))) % words.length]).join(' ');
const texts = Array.from({ length: 240 }, (_, i) => sentence(i));

/** As the folder of sentence-transformers is read: mean of all real tokens, length 1. */
beforeAll(() => {
  const base = bertConfig({ vocabulary: entries.length, maxTokens: 8, width, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' }); // biome-ignore format: one model
  const config = parseModelConfig({
    ...base,
    task: 'text-embedding',
    head: { outputs: width, none: true, unit: true },
  });
  const weights = initialWeights(config, 1);
  weights.set('embedding.token.weight', {
    shape: [entries.length, width],
    data: weights.get('embedding.token.weight')!.data.map((value) => 20 * value),
  });
  saveModel(at('encoder'), { config, weights, preprocess: {} }, wordPieceFiles(entries));
  writeFileSync(at('texts.csv'), `text\n${texts.map((text, i) => `${text} ${words[i % 12]}`).join('\n')}\n`);
});

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const embeddingOf = async (model: Pick<PolynomialModel, 'predict'> | Awaited<ReturnType<typeof loadModel>>, text: string) =>
  (await model.predict(text)).results[0]!.embedding!; // biome-ignore format: short

it('learns from the original alone, is measured by cosines, and answers encrypted as in clear, however long a text is', async () => {
  const converted = await cli('convert', at('encoder'), '--data', at('texts.csv'), '--quick', '--tokens', '8', '--out', at('polynomial'));
  expect([converted.code, converted.err]).toEqual([0, expect.stringContaining('nothing is promised for embeddings')]);
  const { stages, robustness } = JSON.parse(readFileSync(at('polynomial/conversion.json'), 'utf8'));
  const { cosine, spearman, topTen } = stages.at(-1).test;
  expect(stages[0]).toMatchObject({ figure: 'cosine', validation: { cosine: expect.closeTo(1, 5), spearman: expect.closeTo(1, 5), topTen: expect.closeTo(1, 5) } });
  expect(cosine).toBeGreaterThan(0.9);
  for (const value of [spearman, topTen]) expect(value).toBeGreaterThan(0.7);
  expect(robustness.examples).toBeGreaterThan(0);
  expect(readFileSync(at('polynomial/report.html'), 'utf8')).toContain('Cosine with the original');

  const trained = await loadModel(at('encoder'));
  const model = await PolynomialModel.load(at('polynomial'));
  const [question] = texts;
  const clear = await embeddingOf(model, question!);
  expect(dot(clear, clear)).toBeCloseTo(1, 9);
  expect(dot(clear, await embeddingOf(trained, question!))).toBeGreaterThan(0.5);

  using program = await compile(at('polynomial'), { folder: at('program'), parameters: insecureParameters() });
  // The client's column of 1/n at real tokens, encrypted, says how long a text is to nobody else.
  expect(program.manifest.inputs.map(({ name }) => name).sort()).toEqual(['embedded', 'mask', 'pooling']);
  await using connection = await connect(at('program'), { insecure: true });
  const asked = [question!, texts[4]!];
  const answers = await connection.ask(asked);
  for (const [i, text] of asked.entries()) {
    const answer = answers.results[i]!;
    expect([answer.inRange, answer.labels, answer.label]).toEqual([true, [], undefined]);
    expect(() => answer.share()).toThrow(/no label/);
    const { embedding } = answer.reveal();
    expect(dot(embedding!, await embeddingOf(model, text))).toBeGreaterThan(0.9999);
  }
}, 180_000); // biome-ignore format: lines

it('searches: the index becomes part of the last map, and a text finds itself', async () => {
  const encoder = await PolynomialModel.load(at('polynomial'));
  const documents = [...new Set(texts)].slice(0, 12);
  const index = encoder.searching(await encoder.features(documents));
  const { results } = await index.predict(documents[5]!);
  const clear = results[0]!.logits!;
  expect(clear.indexOf(Math.max(...clear))).toBe(5);
  await index.save(at('index'));
  using alone = await compile(at('polynomial'), { folder: at('alone'), parameters: insecureParameters() });
  await using service = await connect(at('index'), { parameters: insecureParameters(), insecure: true });
  expect(service.manifest.predicted.bootstraps).toBe(alone.manifest.predicted.bootstraps);
  const [answer] = (await service.ask(documents[5]!)).reveal().results;
  for (const [i, score] of clear.entries()) expect(Math.abs(answer!.logits![i]! - score)).toBeLessThan(1e-2);
}, 120_000);
