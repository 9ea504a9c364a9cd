import { join } from 'node:path';
import type { Weights } from '../../../model/src/files/stored-tensor.ts';
import { type ConversionRecipe, parseConversion, recipeData } from '../../src/convert/recipe.ts';
import { conversionBatches } from '../../src/convert/training/conversion.ts';
import type { Batches } from '../../src/data/batches.ts';
import type { DataSet } from '../../src/data/dataset.ts';
import * as datasets from '../../src/data/datasets.ts';
import { taskLoss } from '../../src/train/losses.ts';
import { TrainingStep } from '../../src/train/step.ts';
import type { ModelConfig } from '../../src/transformer/config.ts';
import { vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

export const root = join(import.meta.dirname, '../data');
const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };

/** A hundred digits: 64 to train on, 36 to validate with. */
export const data = {
  kind: 'mnist',
  train: files,
  test: files,
  validation: 36,
  normalise: { mean: [0.1307], deviation: [0.3081], contrast: 1.1 },
} as const;

export const config: ModelConfig = vitConfig({
  image: { channels: 1, height: 28, width: 28 },
  patch: 7,
  width: 16,
  layers: 1,
  heads: 2,
  mlpWidth: 32,
  classes: 10,
  pool: 'mean',
});

export const recipe = (stages: unknown, more: Record<string, unknown> = {}): ConversionRecipe =>
  parseConversion({ name: 'tiny', data, batch: 16, calibration: 48, stages, ...more }, 'test');

const none = recipe([{ name: 'none' }]);

/** The data, and the batches that conversions draw of it. */
export async function loadData(): Promise<{ data: DataSet; batches: Batches }> {
  const loaded = await datasets.load(recipeData(none), { root });
  return { data: loaded, batches: conversionBatches(none, loaded) };
}

let trained: Promise<Weights> | undefined;

/** A model that knows its 64 digits by heart. */
export function trainedWeights(): Promise<Weights> {
  trained ??= (async () => {
    const { batches } = await loadData();
    const optimiser = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
    const step = await TrainingStep.create(
      { config, batch: 16, losses: taskLoss(config), optimiser, seed: 1 },
      initialWeights(config, 1),
    );
    for (let i = 0; i < 160; i++) await step.run(batches.feeds(i), 0.01 * (1 - i / 160));
    const weights = step.weights();
    await step.close();
    return weights;
  })();
  return trained;
}
