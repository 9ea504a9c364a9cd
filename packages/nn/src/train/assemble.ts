import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type Weights } from '@cipherformer/model';
import { loadModel } from '../checkpoints/load.ts';
import type { Preprocess } from '../checkpoints/model-folder.ts';
import type { DataSet } from '../data/dataset.ts';
import { type ModelConfig, otherAnswer, parseModelConfig } from '../transformer/config.ts';
import { bertConfig, gptConfig, vitConfig } from '../transformer/presets.ts';
import { initialWeights } from '../transformer/weights.ts';
import type { Recipe } from './recipe.ts';

/** The model a recipe describes, with the sizes that the data decides filled in, and its starting weights. */
export function assembleModel(recipe: Recipe, data: DataSet, root: string): { config: ModelConfig; weights: Weights } {
  const { model } = recipe;
  if ('from' in model) {
    // Under the data root, or else as it stands (a folder of this project, an adapter recipe).
    const inRoot = join(root, model.from);
    const { config, weights } = loadModel(existsSync(inRoot) ? inRoot : model.from, root);
    const other = otherAnswer(config);
    if (other)
      throw new ConfigError(
        `${model.from} answers with ${other}: trained are models that choose a class or the next token.`,
      );
    if (config.head.outputs !== data.outputs) {
      throw new ConfigError(`${model.from} has ${config.head.outputs} outputs, the data ${data.outputs}.`);
    }
    return { config, weights };
  }
  const config = 'config' in model ? parseModelConfig(model.config, `recipe ${recipe.name}`) : preset(model, data);
  return { config, weights: initialWeights(config, recipe.training.seed) };
}

function preset(model: Extract<Recipe['model'], { preset: string }>, data: DataSet): ModelConfig {
  switch (model.preset) {
    case 'vit': {
      if (!data.image) throw new ConfigError('The preset "vit" needs image data.');
      const { preset: _, stride, ...rest } = model;
      return vitConfig({ ...rest, ...(stride ? { stride } : {}), image: data.image, classes: data.outputs });
    }
    case 'bert':
    case 'gpt': {
      if (!data.tokens || !data.tokenizer) throw new ConfigError(`The preset "${model.preset}" needs text data.`);
      const sizes = { maxTokens: data.tokens, vocabulary: data.tokenizer.size };
      return model.preset === 'bert'
        ? bertConfig({ ...model, ...sizes, classes: data.outputs })
        : gptConfig({ ...model, ...sizes });
    }
  }
}

/** What must be known to prepare inputs for the trained model. */
export function preprocessOf(data: DataSet): Preprocess {
  const classes = data.classes ? { classes: [...data.classes] } : {};
  return data.task === 'image-classification' ? { normalise: data.normalise, ...classes } : classes;
}
