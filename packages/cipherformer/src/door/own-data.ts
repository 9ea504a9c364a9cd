import { ConfigError } from '@cipherformer/model';
import { type DataReport, type DataSet, datasets, type LoadOptions, type OwnData, otherAnswer } from '@cipherformer/nn';
import type { TrainedModel } from './load-model.ts';

/** Texts of a conversion are one length: longer ones cost more under encryption, so nobody gets more without asking. */
const usualTokens = 128;

/** What data is prepared for: the classes of a model, its longest text, its pictures. */
export function targetOf({ config, preprocess, tokenizer }: TrainedModel, tokens = usualTokens): LoadOptions {
  const { embedding } = config;
  const { classes, normalise, picture } = preprocess;
  const labels = otherAnswer(config) === undefined;
  const named = { outputs: config.head.outputs, labels, ...(classes ? { classes } : {}) };
  if (embedding.kind === 'patch') {
    const { channels, height, width } = embedding;
    const image = { channels, height, width, ...(normalise ? { normalise } : {}), ...(picture ? { picture } : {}) };
    return { ...named, image };
  }
  const longest = Math.min(tokens, embedding.maxTokens, tokenizer?.maxTokens ?? Number.POSITIVE_INFINITY);
  return { ...named, tokens: longest, ...(tokenizer ? { tokenizer } : {}) };
}

/** Data with what was found in it. */
export type OpenedData = DataSet & { readonly report: DataReport };

/**
 * Opens data as people have it for a model: a table, a folder of pictures by class, IDX or CIFAR files.
 * @param tokens length that texts are cut to; default 128, or what the model takes
 * @throws ConfigError for language models, whose texts come by a recipe; as datasets.load
 */
export async function openOwnData(data: OwnData, model: TrainedModel, tokens?: number): Promise<OpenedData> {
  if (model.config.task === 'language-model')
    throw new ConfigError(
      `${data.from}: language models are converted on running text, which a recipe names ("data": {"kind": "corpus", "files": [...]}).`,
    );
  return datasets.load(data, targetOf(model, tokens));
}
