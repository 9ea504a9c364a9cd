import type { Draw } from '../data/task.ts';
import { ConfigError } from '../errors.ts';
import type { Converted } from './architecture.ts';
import type { Conversion } from './conversion.ts';
import { hardExchange } from './hard-examples.ts';
import type { StageTraining } from './recipe.ts';

/** How a stage's batches differ from those that are due. @throws ConfigError where the data has no such thing */
export async function drawOf(
  conversion: Conversion,
  model: Converted,
  training: StageTraining,
): Promise<Draw | undefined> {
  const { hard, noise } = training;
  if (!hard && !noise) return undefined;
  if (noise && !conversion.data.tokens) {
    throw new ConfigError('"noise" replaces tokens, and images have none: leave it out, or augment the images.');
  }
  return {
    ...(hard ? { exchange: await hardExchange(conversion, model, training, hard) } : {}),
    ...(noise ? { noise } : {}),
  };
}
