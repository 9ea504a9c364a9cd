// A program of 28 x 28 pictures on an insecure ring, and a service of it that can be killed.
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { type PolynomialModel, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { pixelsOf, testImages } from '../../../packages/cipherformer/src/demo/samples.ts';
import { insecureParameters } from '../../../packages/cipherformer/test/commands/tiny-model.ts';
import { type TransformerShape, transformer } from '../../../packages/compiler/test/passes/graphs.ts';
import { type ServiceProcess, startListening } from '../../../packages/service/test/killable.ts';

const shape: TransformerShape = {
  ...{ tokens: 16, features: 49, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 1, outputs: 10 },
  pooling: 'mean',
};

/** A classifier of MNIST's digits with random weights. @param margin of its range over what digits need; below 1 no digit is in range */
export function smallModel(margin = 2): PolynomialModel {
  const preprocess: PolynomialModel['preprocess'] = {
    kind: 'image',
    patches: {
      ...{ channels: 1, height: 28, width: 28, patch: 7, stride: 7, padding: 0 },
      ...{ order: 'channel-first', classToken: false },
    },
    normalise: { mean: [0.13], deviation: [0.31] },
  };
  const writer = transformer(shape, 5);
  writer.nodes[0] = { ...writer.nodes[0]!, name: 'patches' };
  const task = 'image-classification';
  const images = testImages();
  const preparation = { task, preprocess, graph: { tokens: shape.tokens } } as const;
  const inputs = Array.from({ length: 100 }, (_, k) => prepareInput(preparation, { pixels: pixelsOf(images, k) }));
  const graph = writer.calibrated(inputs, margin);
  return { task, graph, preprocess, classes: [...'0123456789'], card: { name: 'small digits' } };
}

/** Compiles a model below `folder`. @returns the program's folder */
export async function smallProgram(folder: string, model: PolynomialModel): Promise<string> {
  savePolynomialModel(join(folder, 'model'), model);
  await writeProgram(join(folder, 'model'), join(folder, 'program'), {}, insecureParameters());
  return join(folder, 'program');
}

/** Starts a service as a process. @param port that of an earlier one, to start it again */
export async function startService(options: {
  readonly folders: readonly string[];
  readonly data: string;
  readonly page: string;
  readonly port?: number;
}): Promise<ServiceProcess> {
  return startListening([join(import.meta.dirname, 'insecure-service.mjs'), JSON.stringify(options)]);
}
