import { dirname } from 'node:path';
import { loadModel, type Model, Predictor } from '@cipherformer/nn';
import { tokenizerOf } from '../door/load-model.ts';
import type { InputForm } from '../input/seen.ts';
import type { Asked } from './asked.ts';

/** A trained model in clear: a folder of ours or of Hugging Face, or an adapter recipe. Errors as loadModel. */
export function openOriginal(path: string, root = dirname(path)): Asked {
  const model = loadModel(path, root);
  const predictor = new Predictor(model);
  const { classes } = model.preprocess;
  return {
    form: formOf(path, model),
    isLanguage: model.config.task === 'language-model',
    isMultiLabel: model.config.head.problem === 'multi-label',
    isEmbedding: model.config.task.endsWith('-embedding'),
    ...(classes ? { classes } : {}),
    async say(seen) {
      const rows = (await predictor.outputs(seen)).map((row) => [...row]);
      return { logits: predictor.perToken ? rows : rows[0]! };
    },
    close: () => predictor.close(),
  };
}

function formOf(folder: string, model: Model): InputForm {
  const { config, preprocess: { normalise, picture } } = model; // biome-ignore format: short
  const { embedding } = config;
  if (embedding.kind === 'patch') {
    const { bias: _, kind: __, ...patches } = embedding;
    const plain = { mean: Array(patches.channels).fill(0), deviation: Array(patches.channels).fill(1) };
    const preprocess = {
      kind: 'image',
      patches,
      normalise: normalise ?? plain,
      ...(picture ? { picture } : {}),
    } as const;
    return { kind: 'image', preprocess };
  }
  const tokenizer = tokenizerOf(folder, model);
  const tokens = Math.min(embedding.maxTokens, tokenizer?.maxTokens ?? Number.POSITIVE_INFINITY);
  return { kind: 'text', tokenizer, tokens, keeps: 'beginning' };
}
