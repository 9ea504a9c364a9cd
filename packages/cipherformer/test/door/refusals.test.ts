// What a newcomer gives instead of what the library takes: told what it is, and what to do.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { savePolynomialModel } from '@cipherformer/model/files';
import { initialWeights, saveModel, vitConfig } from '@cipherformer/nn';
import { Client, connect, loadModel, PolynomialModel, Program } from 'cipherformer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'refusals-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  const sizes = { patch: 2, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 3, pool: 'mean' } as const;
  const config = vitConfig({ image: { channels: 1, height: 4, width: 4 }, ...sizes });
  saveModel(at('trained'), { config, weights: initialWeights(config, 1), preprocess: {} });
  savePolynomialModel(at('polynomial'), tinyModel(3));
  await writeProgram(at('polynomial'), at('program'), { batch: 1 }, insecureParameters());
  writeFileSync(at('picture.png'), 'a picture, say');
});

it.each([
  ['connect: nothing', () => connect(at('nowhere')), /there is no .*nowhere: give the folder of a program or of a polynomial model, or the http/],
  ['connect: a trained model', () => connect(at('trained')), /trained is a trained model, no program yet: convert it to polynomial form, then compile it/],
  ['connect: a file', () => connect(at('picture.png')), /picture\.png is no program: give the folder that compile wrote/],
  ['connect: some folder', () => connect(folder), /there is no .*manifest\.json: give the folder that compile wrote/],
  ['Program.load: a polynomial model', () => Program.load(at('polynomial')), /polynomial is a polynomial model, no program yet: compile it/],
  ['PolynomialModel.load: a trained model', () => PolynomialModel.load(at('trained')), /trained is not the folder of a polynomial model: convert a trained one first/],
  ['loadModel: a polynomial model', () => loadModel(at('polynomial')), /PolynomialModel\.load reads it, compile takes it/],
  ['Client.create: a secret that is none', () => Client.create(at('program'), { secret: at('picture.png'), insecure: true }), /picture\.png is no secret key: give a file that was made as one, or a name that is free/],
] as const)('%s', async (_, ask, message) => {
  const before = readdirSync(folder).sort();
  await expect(ask()).rejects.toThrow(message);
  expect(readdirSync(folder).sort()).toEqual(before);
  expect(existsSync(at('picture.png.verdicts.jsonl'))).toBe(false);
}); // biome-ignore format: a refusal a line
