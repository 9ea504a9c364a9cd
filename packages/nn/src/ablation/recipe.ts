import { ConfigError } from '@cipherformer/model';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { type ConversionRecipe, parseConversion, recipeData } from '../convert/recipe.ts';
import { recipeName } from '../data/config.ts';
import { type Json, mergePatch } from './patch.ts';

const patch = z.record(z.string(), z.json());

/** An ablation: one conversion recipe, what is changed in it, and the seeds each change is tried with. */
export const ablationSchema = z.strictObject({
  $schema: z.string().optional(),
  name: recipeName,
  description: z.string().default(''),
  /** The conversion recipe that variants are patches of, and the model; relative to this file. */
  conversion: z.string().min(1),
  model: z.string().min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** Factor on the epochs of every stage, and number of training examples used: short cells say so in the table. */
  trainingShare: z.number().positive().default(1),
  limit: z.int().positive().optional(),
  /** A patch that every variant starts from. */
  common: patch.default({}),
  variants: z
    .array(
      z.strictObject({
        name: recipeName,
        /** What is varied: variants of one axis stand together in the table. */
        axis: z.string().min(1),
        description: z.string().min(1),
        patch: patch.default({}),
      }),
    )
    .min(1),
});
export type AblationRecipe = z.infer<typeof ablationSchema>;
export type AblationVariant = AblationRecipe['variants'][number];

/** @throws ConfigError naming the entry that is wrong */
export function parseAblation(value: unknown, where: string): AblationRecipe {
  const result = ablationSchema.safeParse(value);
  if (!result.success) {
    throw new ConfigError(`${where} is not a valid ablation:\n${problems(result.error, value)}`);
  }
  const names = result.data.variants.map((variant) => variant.name);
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined) throw new ConfigError(`${where}: two variants are named "${twice}"; rename one.`);
  return result.data;
}

/** The conversion recipe of one variant and seed. `base` is the recipe file's content as it was read. */
export function cellRecipe(
  ablation: AblationRecipe,
  base: unknown,
  variant: AblationVariant,
  seed: number,
): ConversionRecipe {
  const where = `${ablation.name}, variant "${variant.name}"`;
  const common = mergePatch(base as Json, ablation.common as Json, `${ablation.name}, common`);
  const recipe = parseConversion(mergePatch(common, variant.patch as Json, where), where);
  return {
    ...recipe,
    seed,
    data: { ...recipeData(recipe), ...(ablation.limit ? { limit: ablation.limit } : {}) },
    stages: recipe.stages.map((stage) =>
      stage.train
        ? { ...stage, train: { ...stage.train, epochs: stage.train.epochs * ablation.trainingShare } }
        : stage,
    ),
  };
}
