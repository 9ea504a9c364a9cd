import { ConfigError } from '@cipherformer/model';
import type { Draw } from '../../data/batches.ts';
import type { DataSet } from '../../data/dataset.ts';
import type { Stage, StageTraining } from '../recipe.ts';
import type { Converted } from '../substitution/architecture.ts';
import type { Conversion } from './conversion.ts';
import { mineHardExamples } from './hard-examples.ts';

/** How a stage's batches differ from those that are due. */
export async function drawOf(
  conversion: Conversion,
  model: Converted,
  { hard, noise, odd, ...training }: StageTraining,
): Promise<Draw | undefined> {
  if (!hard && !noise && odd === undefined) return undefined;
  return {
    ...(hard ? { exchange: await mineHardExamples(conversion, model, training, hard) } : {}),
    ...(noise ? { noise } : {}),
    ...(odd === undefined ? {} : { odd }),
  };
}

/** @throws ConfigError where a stage asks for batches that the data cannot give */
export function checkDraw({ name, train }: Stage, data: DataSet): void {
  if (train?.hard && data.task === 'language-model') {
    throw new ConfigError(
      `Stage "${name}": "hard" draws training examples by number, and windows of a corpus have none. Leave it out; "noise" is for texts.`,
    );
  }
  if (train?.noise && data.task === 'image-classification') {
    throw new ConfigError(
      `Stage "${name}": "noise" replaces tokens, and images have none. Leave it out; "hard" and augmentation are for images.`,
    );
  }
}
