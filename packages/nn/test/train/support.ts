import { Random } from '../../src/random.ts';
import type { TrainingStepOptions } from '../../src/train/build-step.ts';
import { taskLoss } from '../../src/train/losses.ts';
import { TrainingStep } from '../../src/train/step.ts';
import type { ModelConfig } from '../../src/transformer/config.ts';
import { vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

export const optimiser = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

export const vit = vitConfig({
  image: { channels: 1, height: 8, width: 8 },
  patch: 4,
  width: 8,
  layers: 2,
  heads: 2,
  mlpWidth: 16,
  classes: 3,
  pool: 'mean',
});

export function images(seed: number, batch = 8) {
  const random = new Random(seed);
  const targets = new Float32Array(batch * 3);
  for (let i = 0; i < batch; i++) targets[i * 3 + (i % 3)] = 1;
  return { images: Float32Array.from({ length: batch * 64 }, () => random.normal()), targets };
}

export const create = (config: ModelConfig, batch: number, more: Partial<TrainingStepOptions> = {}) =>
  TrainingStep.create(
    { config, batch, losses: taskLoss(config), optimiser, seed: 5, ...more },
    initialWeights(config, 3),
  );
