import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../model/src/files/safetensors-file.ts';
import { readJson } from '../../model/src/files/storage.ts';
import { huggingFaceTokenizer } from '../../model/src/text/tokenizer.ts';
import { readLlama2cTokenizer } from '../src/checkpoints/formats/llama2c.ts';
import { readPth } from '../src/checkpoints/formats/pth.ts';
import { adapterRecipeSchema, loadModel } from '../src/checkpoints/load.ts';
import { parseData } from '../src/data/config.ts';
import { readCifar10, readMnist, sliceImages } from '../src/data/images.ts';
import { imageSplit } from '../src/data/splits.ts';
import { generateGreedy } from '../src/evaluate/generate.ts';
import { InferenceModel } from '../src/evaluate/inference.ts';
import { evaluateClassification } from '../src/evaluate/metrics.ts';
import { readBpe } from '../src/text/tokenizer-folder.ts';
import { parseRecipe } from '../src/train/recipe.ts';

const recipes = join(import.meta.dirname, '../../../recipes');
const adapter = (name: string) => join(recipes, 'adapters', `${name}.json`);
const shared = join(import.meta.dirname, '../../../../shared/data');
const present = existsSync(join(shared, 'README.md'));

describe('recipes of the project', () => {
  const json = (folder: string) => readdirSync(join(recipes, folder)).filter((name) => name.endsWith('.json'));

  it('are valid', () => {
    const training = json('').filter((name) => 'training' in (readJson(join(recipes, name)) as object));
    expect(training.length).toBeGreaterThanOrEqual(6);
    for (const name of training) expect(`${parseRecipe(readJson(join(recipes, name)), name).name}.json`).toBe(name);
    for (const name of json('data')) parseData(readJson(join(recipes, 'data', name)), name);
    for (const name of json('adapters')) adapterRecipeSchema.parse(readJson(adapter(name.slice(0, -5))));
  });
});

// Real weights that are not part of the project: these tests show as skipped where the folder is absent.
describe.skipIf(!present)('real weights in ../shared/data', () => {
  it('vit-cifar10 gets right what its README implies (200 of the stated 2000 images)', async () => {
    const model = loadModel(adapter('vit-cifar10'), shared);
    const set = sliceImages(readCifar10([join(shared, 'images/cifar10/test.bin.gz')]), 0, 200);
    const inference = await InferenceModel.create(model.config, model.weights, { batch: 50 });
    const result = await evaluateClassification(inference, imageSplit(set, model.preprocess.normalise!, 10));
    await inference.close();
    // 75.2 % of all 2000; three standard errors of a sample of 200 are 9 points.
    expect(Math.abs(result.accuracy - 0.752)).toBeLessThan(0.09);
  });

  it('vit-mnist gets right what its README implies (200 of the stated 2000 images)', async () => {
    const model = loadModel(adapter('vit-mnist'), shared);
    const folder = join(shared, 'images/mnist');
    const set = readMnist(join(folder, 'test9k-images-idx3-ubyte.gz'), join(folder, 'test9k-labels-idx1-ubyte.gz'));
    const inference = await InferenceModel.create(model.config, model.weights, { batch: 50 });
    const result = await evaluateClassification(inference, imageSplit(set, model.preprocess.normalise!, 10), {
      limit: 200,
    });
    await inference.close();
    expect(result.accuracy).toBeGreaterThan(0.94);
  });

  it('stories260K continues with the stated tokens', async () => {
    const { config, weights } = loadModel(adapter('stories260K'), shared);
    const ids = await generateGreedy(config, weights, [1], 19);
    expect(ids).toEqual([
      1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267,
    ]);
    const tokenizer = readLlama2cTokenizer(join(shared, 'weights/stories260K/tok512.bin'));
    expect(tokenizer.size).toBe(512);
    expect(tokenizer.encodeInput('Once upon a time').ids).toEqual(ids.slice(0, 5));
    expect(tokenizer.decode(ids.slice(1))).toBe(' Once upon a time, there was a little girl named Lily. She loved to');
  });

  it('the restricted PyTorch reader gives what the safetensors files give', () => {
    for (const [folder, file] of [
      ['no-licence-stated/vit-cifar10', 'vit_cifar10.pth'],
      ['no-licence-stated/vit-mnist', 'vit_mnist.pth'],
      ['no-licence-stated/gpt-char-shakespeare', 'shakespeare_gpt.pth'],
      ['toy-sentiment-encoder', 'transformer_model.pth'],
    ]) {
      const pth = readPth(join(shared, 'weights', folder!, file!));
      const safe = readSafetensors(join(shared, 'weights', folder!, 'model.safetensors')).tensors;
      for (const [name, { shape, data }] of safe) {
        const found = pth.get(name)!;
        expect(found.shape).toEqual(shape);
        // Bytes, not values: a matcher that walks a million numbers takes half a minute.
        expect(Buffer.compare(Buffer.from(found.data.buffer), Buffer.from(data.buffer))).toBe(0);
      }
    }
  });

  it('GPT-2 tokens are the known ones', () => {
    const folder = join(shared, 'tokenizers/gpt2');
    const tokenizer = huggingFaceTokenizer(readBpe(join(folder, 'vocab.json.gz'), join(folder, 'merges.txt.gz')));
    expect(tokenizer.size).toBe(50257);
    expect(tokenizer.encode('Hello world')).toEqual([15496, 995]);
  });
});
