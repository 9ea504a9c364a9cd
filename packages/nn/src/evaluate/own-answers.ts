import type { Model } from '../checkpoints/model-folder.ts';
import { type DataSet, imageDataSet, textDataSet } from '../data/dataset.ts';
import { type ClassificationSplit, type SplitName, splitNames } from '../data/splits.ts';
import { InferenceModel } from './inference.ts';
import { mostLikely } from './metrics.ts';

/**
 * Data without labels with a model's own answers as labels: what is trained on it learns from the model alone, and accuracy is
 * agreement with it. Cost: the model on every example.
 */
export async function withOwnAnswers(data: DataSet, { config, weights }: Model, threads: number): Promise<DataSet> {
  if (data.task === 'language-model') return data;
  const { tokens } = data;
  const batch = Math.min(50, data.train.count);
  const model = await InferenceModel.create(config, weights, { batch, threads, ...(tokens ? { tokens } : {}) });
  const answers = new Map<SplitName, readonly number[]>();
  try {
    for (const name of splitNames) answers.set(name, await answersOf(model, data[name]));
  } finally {
    await model.close();
  }
  if (data.task === 'text-classification')
    return textDataSet((name) => ({ ids: data[name].texts.ids, labels: answers.get(name)! }), data);
  return imageDataSet((name) => ({ ...data[name].images, labels: Uint8Array.from(answers.get(name)!) }), data);
}

async function answersOf(model: InferenceModel, split: ClassificationSplit): Promise<number[]> {
  const { count, classes } = split;
  const answers: number[] = [];
  for (let start = 0; start < count; start += model.batch) {
    const { logits } = await model.run(split.feeds(start, model.batch));
    for (let i = 0; i < model.batch && start + i < count; i++)
      answers.push(mostLikely(logits!.subarray(i * classes, (i + 1) * classes)));
  }
  return answers;
}
