import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadModel, loadTokenizer, type Model, Predictor } from '@cipherformer/nn';
import type { InputForm } from '../input/seen.ts';
import type { Asked } from './asked.ts';

/** A trained model in clear: a folder of ours or of Hugging Face, or an adapter recipe. Errors as loadModel. */
export function openOriginal(path: string, root = dirname(path)): Asked {
  const model = loadModel(path, root);
  const predictor = new Predictor(model);
  const { classes } = model.preprocess;
  return {
    form: formOf(path, model),
    task: model.config.task,
    ...(classes ? { classes } : {}),
    async say(seen) {
      const rows = (await predictor.logits(seen)).map((row) => [...row]);
      return { logits: predictor.perToken ? rows : rows[0]! };
    },
    close: () => predictor.close(),
  };
}

function formOf(folder: string, { config, preprocess }: Model): InputForm {
  const { embedding, task } = config;
  if (embedding.kind === 'patch') {
    const { channels, height, width } = embedding;
    const { normalise, picture } = preprocess;
    return { kind: 'image', shape: [channels, height, width], normalise, picture };
  }
  const textual = ['tokenizer.json', 'vocab.txt', 'vocab.json'].some((name) => existsSync(join(folder, name)));
  const tokenizer = textual ? loadTokenizer(folder) : undefined;
  const tokens = Math.min(embedding.maxTokens, tokenizer?.maxTokens ?? Number.POSITIVE_INFINITY);
  return { kind: 'text', tokenizer, tokens, task, keeps: 'beginning', pairs: true };
}
