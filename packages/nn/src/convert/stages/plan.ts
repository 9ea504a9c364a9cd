import { checkSupported } from '../../lower/supported.ts';
import { stepsIn } from '../../train/schedule.ts';
import { clientEmbeds, type ModelConfig, normAt } from '../../transformer/config.ts';
import type { ConversionRecipe, Stage } from '../recipe.ts';
import { normNames } from '../substitution/architecture.ts';
import type { Conversion } from '../training/conversion.ts';
import { checkDraw } from '../training/draw.ts';

/**
 * What is changed, trained and measured at once: a stage, or one normalisation or layer of a stage that goes from the input
 * to the output.
 */
export interface StagePart {
  /** The stage's name, with the place where it has several parts: "norms/layers.0.norm1". */
  readonly name: string;
  readonly stage: Stage;
  /** Normalisations to freeze in this part. */
  readonly norms: readonly string[];
  /** Beginning of the names of the sites to substitute; absent: all. */
  readonly sites?: string;
  /** Whether the stage is complete after this part. */
  readonly last: boolean;
  readonly steps: number;
  /** Number of the first training batch. */
  readonly firstBatch: number;
}

/**
 * The parts of a conversion in order. Checks that the model can be converted by these stages.
 * @throws ConfigError where a stage asks for batches that the data cannot give
 */
export function planConversion(
  recipe: ConversionRecipe,
  config: ModelConfig,
  { data, batches }: Pick<Conversion, 'data' | 'batches'>,
): StagePart[] {
  checkSupported(config);
  const parts: StagePart[] = [];
  let firstBatch = 0;
  let frozen: string[] = [];
  for (const stage of recipe.stages) {
    checkDraw(stage, data);
    const steps = stage.train ? stepsIn(stage.train.epochs, batches) : 0;
    const norms =
      stage.change?.kind === 'freeze-norms' ? freezableNorms(config).filter((name) => !frozen.includes(name)) : [];
    frozen = [...frozen, ...norms];
    const places = placesOf(stage, norms, config);
    places.forEach(({ place, ...rest }, i) => {
      const name = place === undefined ? stage.name : `${stage.name}/${place}`;
      parts.push({ name, stage, ...rest, last: i === places.length - 1, steps, firstBatch });
      firstBatch += steps;
    });
  }
  return parts;
}

/** Where a part of a stage is; without a place, everywhere. */
type Place = Pick<StagePart, 'norms' | 'sites'> & { readonly place?: string };

function placesOf({ change }: Stage, norms: readonly string[], config: ModelConfig): readonly Place[] {
  if (change?.kind === 'freeze-norms' && change.order === 'one-by-one') {
    return norms.map((name) => ({ place: name, norms: [name] }));
  }
  if (change?.kind === 'substitute' && change.order === 'by-layer') {
    const layers = Array.from({ length: config.layers }, (_, i) => `layers.${i}`);
    const places = config.head.hidden ? [...layers, 'head'] : layers;
    return places.map((place) => ({ place, norms: [], sites: `${place}.` }));
  }
  return [{ norms }];
}

/**
 * Normalisations that divide by what they see, from the input to the output. What follows an embedding of the client's stays:
 * it is computed before encryption.
 */
export function freezableNorms(config: ModelConfig): string[] {
  return normNames(config).filter((name) => {
    const { kind } = normAt(config, name);
    const client = name === 'embedding.norm' && clientEmbeds(config);
    return !client && (kind === 'layer' || kind === 'rms');
  });
}
