// Private search on an insecure ring: scores of an encrypted question with public documents, and other documents under the same keys.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, connect, isCipherformerError, PolynomialModel } from 'cipherformer';
import { afterAll, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';
import { scratch } from './support.ts';

const { at, dispose } = scratch();
afterAll(dispose);

const picture = (seed: number) => ({ pixels: Array.from({ length: 16 }, (_, i) => (i * seed) % 256) });
const documents = Array.from({ length: 20 }, (_, i) => picture(11 + 7 * i));

it('the nearest document, encrypted as in clear, and itself where the question is one', async () => {
  const encoder = await PolynomialModel.load(at('model'));
  const features = await encoder.features(documents);
  const texts = documents.map((_, i) => `document ${i}, "naïve"\nin two lines`);
  const index = encoder.searching(features, texts);
  const question = documents[4]!;
  const { results } = await index.predict(question);
  const scores = results[0]!.logits!;
  expect(scores).toHaveLength(20);
  expect(scores.indexOf(Math.max(...scores))).toBe(4);
  // Cosines of what is left without the mean, times the question's norm.
  const mean = features[0]!.map((_, i) => features.reduce((sum, each) => sum + each[i]! / 20, 0));
  const centred = features.map((each) => each.map((value, i) => value - mean[i]!));
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  for (const [i, each] of centred.entries())
    expect(scores[i]).toBeCloseTo(dot(each, centred[4]!) / Math.sqrt(dot(each, each)), 4);
  await index.save(at('index'));
  await using service = await connect(at('index'), { parameters: insecureParameters(), insecure: true });
  const answers = await service.ask(question);
  expect(answers.results[0]!.label).toBe(texts[4]);
  expect((await index.predict(question)).results[0]!.labels![0]!.label).toBe(texts[4]);
  const [answer] = answers.reveal().results;
  for (const [i, score] of scores.entries()) expect(Math.abs(answer!.logits![i]! - score)).toBeLessThan(1e-2);
}, 60_000);

it('more documents than rows take the slots of all tokens: three ciphertexts of scores', async () => {
  const encoder = await PolynomialModel.load(at('model'));
  const many = Array.from({ length: 1100 }, (_, i) => ({ pixels: Array.from({ length: 16 }, (_, k) => (k * (i % 251) + 7 * i) % 256) })); // biome-ignore format: short
  const index = encoder.searching(await encoder.features(many));
  const clear = (await index.predict(many[700]!)).results[0]!.logits!;
  await index.save(at('many'));
  await using service = await connect(at('many'), { parameters: insecureParameters(), insecure: true });
  expect(service.manifest.outputs.filter(({ name }) => name === 'logits')).toHaveLength(3);
  const scores = (await service.ask(many[700]!)).reveal().results[0]!.logits!;
  expect(scores).toHaveLength(1100);
  for (const [i, score] of clear.entries()) expect(Math.abs(scores[i]! - score)).toBeLessThan(1e-2);
}, 60_000);

it('as many other documents need no other keys', async () => {
  const encoder = await PolynomialModel.load(at('model'));
  const plans: string[] = [];
  for (const [name, some] of [
    ['first', documents.slice(0, 10)],
    ['second', documents.slice(10)],
  ] as const) {
    await encoder.searching(await encoder.features(some)).save(at(name));
    using program = await compile(at(name), { folder: at(`${name}-program`), parameters: insecureParameters() });
    plans.push(program.manifest.keys.plan);
  }
  expect(plans[0]).toBe(plans[1]);
}, 60_000);

it('one document is no search', async () => {
  const encoder = await PolynomialModel.load(at('model'));
  const [only] = await encoder.features(documents.slice(0, 1));
  expect(() => encoder.searching([only!])).toThrow(/at least two/);
  try {
    encoder.searching([[1], [2]]);
  } catch (error) {
    expect(isCipherformerError(error) && error.code).toBe('bad-shape');
  }
});

it('texts go with the index, one a document, and are what readers take', async () => {
  const encoder = await PolynomialModel.load(at('model'));
  const features = await encoder.features(documents.slice(0, 2));
  expect(() => encoder.searching(features, ['one'])).toThrow(/1 texts for 2 documents/);
  await expect(encoder.searching(features, ['one', 'a\u001b[2J']).save(at('rude'))).rejects.toThrow(
    /control characters/,
  );
  await encoder.searching(features, ['one', 'two']).save(at('texts'));
  expect((await PolynomialModel.load(at('texts'))).classes).toEqual(['one', 'two']);
  writeFileSync(join(at('texts'), 'documents.json'), '["one"]');
  await expect(PolynomialModel.load(at('texts'))).rejects.toThrow(/1 texts for 2 documents/);
});
