import { ConfigError } from '@cipherformer/model';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { muonSchema } from '../convert/recipe.ts';
import { dataSchema, recipeName } from '../data/config.ts';

/**
 * A training recipe: what is trained on what, how, in one JSON file. Paths are relative to the data root the person
 * gives, so a recipe runs on any machine.
 */
const path = z.string().min(1);

export const trainingSchema = z.strictObject({
  epochs: z.number().positive(),
  batch: z.int().positive(),
  learningRate: z.number().positive(),
  /** The rate the cosine ends at, as a share of learningRate. */
  finalRate: z.number().min(0).max(1).default(0.01),
  /** Share of all steps over which the rate rises from 0. */
  warmup: z.number().min(0).max(1).default(0.05),
  weightDecay: z.number().min(0).default(0.05),
  beta1: z.number().min(0).max(1).default(0.9),
  beta2: z.number().min(0).max(1).default(0.99),
  epsilon: z.number().positive().default(1e-8),
  clipNorm: z.number().positive().default(1),
  /** As in a stage of a conversion. */
  muon: muonSchema.optional(),
  labelSmoothing: z.number().min(0).max(0.5).default(0),
  dropout: z.number().min(0).max(0.9).default(0),
  /** Decay of the moving average of the weights that is evaluated and kept; absent: the last weights. */
  averageDecay: z.number().min(0).max(1).optional(),
  /** Names, with * as wildcard, of parameters that stay as they are. */
  frozen: z.array(z.string()).default([]),
  /** Factors on the learning rate by name, first match wins. */
  rates: z.array(z.strictObject({ pattern: z.string(), rate: z.number().positive() })).default([]),
  /** Evaluate on validation data every so many epochs. */
  evaluateEvery: z.number().positive().default(1),
  seed: z.int().min(0).default(1),
});

const sizes = {
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  mlpWidth: z.int().positive(),
};

export const recipeModelSchema = z.union([
  z.strictObject({
    preset: z.literal('vit'),
    ...sizes,
    patch: z.int().positive(),
    stride: z.int().positive().optional(),
    padding: z.int().min(0).default(0),
    pool: z.enum(['class', 'mean']).default('mean'),
  }),
  z.strictObject({ preset: z.literal('bert'), ...sizes, pool: z.enum(['class', 'mean']).default('class') }),
  z.strictObject({ preset: z.literal('gpt'), ...sizes, tied: z.boolean().default(true) }),
  /** A whole model configuration, or a folder to start from (architecture and weights). */
  z.strictObject({ config: z.record(z.string(), z.unknown()) }),
  z.strictObject({ from: path }),
]);

export const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  name: recipeName,
  description: z.string().default(''),
  data: dataSchema,
  model: recipeModelSchema,
  training: trainingSchema,
});
export type Recipe = z.infer<typeof recipeSchema>;

export function parseRecipe(value: unknown, where: string): Recipe {
  const result = recipeSchema.safeParse(value);
  if (!result.success) throw new ConfigError(`${where} is not a valid recipe:\n${problems(result.error, value)}`);
  return result.data;
}
