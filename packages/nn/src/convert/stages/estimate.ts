import { cpus } from 'node:os';
import type { Model } from '../../checkpoints/model-folder.ts';
import type { ConversionRecipe } from '../recipe.ts';
import { pointwiseAttention } from '../substitution/architecture.ts';
import { polynomialLevels } from '../substitution/substitute.ts';
import { type ConversionData, conversionBatches, loadConversionData } from '../training/conversion.ts';
import { trainStage } from '../training/train-stage.ts';
import { planConversion } from './plan.ts';

/** What a conversion will take. */
export interface ConversionEstimate {
  readonly parts: readonly { readonly name: string; readonly steps: number; readonly seconds: number }[];
  readonly steps: number;
  readonly seconds: number;
  readonly timedSteps: number;
  readonly machine: string;
  /** Levels of the polynomials of one layer, for the smallest and the largest degrees the recipe allows. */
  readonly levelsPerLayer: { readonly fewest: number; readonly most: number };
}

/** Steps that are timed. */
const timedSteps = 10;

/** Plans a conversion and times a few steps of its first training on this machine. Trains nothing that is kept. */
export async function estimateConversion(
  original: Model,
  recipe: ConversionRecipe,
  options: ConversionData,
): Promise<ConversionEstimate> {
  const data = await loadConversionData(recipe, original, options);
  const batches = conversionBatches(recipe, data);
  const plan = planConversion(recipe, original.config, { data, batches });
  const training = recipe.stages.find(({ train }) => train)?.train;
  let perStep = 0;
  if (training) {
    const result = await trainStage(pointwiseAttention(original, { activation: 'gelu', affine: true }), {
      name: 'timing',
      training: { ...training, epochs: timedSteps / batches.stepsPerEpoch },
      teacher: original,
      data,
      batches,
      batch: recipe.batch,
      seed: recipe.seed,
      firstBatch: 0,
      variances: new Map(),
      threads: options.threads ?? 1,
    });
    perStep = result.progress.seconds / timedSteps;
  }
  const parts = plan.map(({ name, steps }) => ({ name, steps, seconds: steps * perStep }));
  const steps = parts.reduce((sum, part) => sum + part.steps, 0);
  return {
    parts,
    steps,
    seconds: steps * perStep,
    timedSteps,
    machine: `${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    levelsPerLayer: layerLevels(recipe),
  };
}

function layerLevels(recipe: ConversionRecipe): { fewest: number; most: number } {
  const change = recipe.stages.map((stage) => stage.change).find((each) => each?.kind === 'substitute');
  if (change?.kind !== 'substitute') return { fewest: 0, most: 0 };
  // The shape a fit of GELU has: every term up to degree 3, above that x/2 and even terms.
  const levels = (degree: number) =>
    polynomialLevels(Array.from({ length: degree + 1 }, (_, i) => (i === 1 || i % 2 === 0 || degree <= 3 ? 0.5 : 0)));
  const of = (pick: (...values: number[]) => number) =>
    pick(...change.attention.map(levels)) + pick(...change.mlp.map(levels));
  return { fewest: of(Math.min), most: of(Math.max) };
}
