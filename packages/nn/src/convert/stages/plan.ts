import type { TaskData } from '../../data/task.ts';
import { UnsupportedPartError } from '../../errors.ts';
import { stepsIn } from '../../train/schedule.ts';
import { type ModelConfig, normAt } from '../../transformer/config.ts';
import type { ConversionRecipe, Stage } from '../recipe.ts';
import { normNames } from '../substitution/architecture.ts';
import { checkDraw } from '../training/draw.ts';

/** One piece of work: a stage, or one normalisation or layer of a stage that goes from the input to the output. */
export interface PlanItem {
  /** The stage's name, with the part for pieces of one: "norms/layers.0.norm1". */
  readonly name: string;
  readonly stage: Stage;
  /** Normalisations to freeze in this piece. */
  readonly norms: readonly string[];
  /** Beginning of the names of the sites to substitute; absent: all. */
  readonly sites?: string;
  /** Whether the stage is complete after this piece. */
  readonly last: boolean;
  readonly steps: number;
  /** Number of the first training batch. */
  readonly firstBatch: number;
}

/**
 * The pieces of a conversion in order. Checks that the model can be converted by these stages.
 * @throws UnsupportedPartError naming the part, where it is and what to do
 * @throws ConfigError where a stage asks for batches that the data cannot give
 */
export function planConversion(recipe: ConversionRecipe, config: ModelConfig, data: TaskData): PlanItem[] {
  if (config.positions.kind === 'rotary') {
    throw new UnsupportedPartError(
      'positions',
      'rotary positions turn queries and keys by the token, which has no node in a polynomial graph. Train with learned positions.',
    );
  }
  const items: PlanItem[] = [];
  let firstBatch = 0;
  let frozen: string[] = [];
  for (const stage of recipe.stages) {
    checkDraw(stage, data);
    const steps = stage.train ? stepsIn(stage.train.epochs, data) : 0;
    const norms =
      stage.change?.kind === 'freeze-norms' ? freezable(config).filter((name) => !frozen.includes(name)) : [];
    frozen = [...frozen, ...norms];
    const pieces = piecesOf(stage, norms, config);
    pieces.forEach(({ part, ...piece }, i) => {
      const name = part === undefined ? stage.name : `${stage.name}/${part}`;
      items.push({ name, stage, ...piece, last: i === pieces.length - 1, steps, firstBatch });
      firstBatch += steps;
    });
  }
  return items;
}

type Piece = Pick<PlanItem, 'norms' | 'sites'> & { readonly part?: string };

function piecesOf({ change }: Stage, norms: readonly string[], config: ModelConfig): readonly Piece[] {
  if (change?.kind === 'freeze-norms' && change.order === 'one-by-one') {
    return norms.map((name) => ({ part: name, norms: [name] }));
  }
  if (change?.kind === 'substitute' && change.order === 'by-layer') {
    const layers = Array.from({ length: config.layers }, (_, i) => `layers.${i}`);
    const places = config.head.hidden ? [...layers, 'head'] : layers;
    return places.map((place) => ({ part: place, norms: [], sites: `${place}.` }));
  }
  return [{ norms }];
}

/**
 * Normalisations that divide by what they see, from the input to the output. A norm of embedded tokens stays: it is
 * computed before encryption, by the client.
 */
export function freezable(config: ModelConfig): string[] {
  return normNames(config).filter((name) => {
    const { kind } = normAt(config, name);
    return name !== 'embedding.norm' && (kind === 'layer' || kind === 'rms');
  });
}
