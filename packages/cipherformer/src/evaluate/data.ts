import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { huggingFaceTokenizer, type PolynomialModel } from '@cipherformer/model';
import { type DataConfig, type DataSet, datasets, loadTokenizer } from '@cipherformer/nn';

/** A data set for the model of a folder: its own tokenizer, where it has one, cuts the texts. Errors of datasets.load */
export function loadDataFor(folder: string, data: DataConfig, root: string): Promise<DataSet> {
  const textual = data.kind === 'texts' || data.kind === 'corpus';
  const own = textual && ['tokenizer.json', 'vocab.txt', 'vocab.json'].some((name) => existsSync(join(folder, name)));
  return datasets.load(data, { root, ...(own ? { tokenizer: loadTokenizer(folder) } : {}) });
}

/** The same for a polynomial model, which holds its tokenizer. */
export function loadDataForPolynomial(
  { preprocess }: PolynomialModel,
  data: DataConfig,
  root: string,
): Promise<DataSet> {
  const files = preprocess.kind === 'text' ? preprocess.tokenizer : undefined;
  return datasets.load(data, { root, ...(files ? { tokenizer: huggingFaceTokenizer(files) } : {}) });
}
