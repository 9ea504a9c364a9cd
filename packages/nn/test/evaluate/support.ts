import { imageSplit } from '../../src/data/splits.ts';
import { vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

export const config = vitConfig({
  image: { channels: 1, height: 4, width: 4 },
  classes: 2,
  patch: 2,
  width: 4,
  layers: 1,
  heads: 1,
  mlpWidth: 4,
  pool: 'mean',
});
export const weights = initialWeights(config, 1);
export const count = 20;
/** The number of an image unlike the others. */
export const odd = 7;

/** Grey noise, and one image of black and white. */
export function images() {
  const pixels = Uint8Array.from({ length: 16 * count }, (_, i) =>
    Math.floor(i / 16) === odd ? 255 * ((i * 7) % 2) : 120 + ((i * 37) % 16),
  );
  const set = { channels: 1, height: 4, width: 4, count, pixels, labels: new Uint8Array(count) };
  return imageSplit(set, { mean: [0.5], deviation: [0.02] }, 2);
}
