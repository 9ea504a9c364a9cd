import { join } from 'node:path';
import { PolynomialEvaluator, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { readJson } from '@cipherformer/model/files';
import {
  type ConversionRecipe,
  type ImageSet,
  InferenceModel,
  imageSize,
  type Model,
  normaliseImage,
  parseConversion,
  readMnist,
} from '@cipherformer/nn';
import { demoPaths } from './folder.ts';

export function demoRecipe({ recipe } = demoPaths()): ConversionRecipe {
  return parseConversion(readJson(recipe), recipe);
}

export function testImages({ samples } = demoPaths()): ImageSet {
  const file = (part: string) => join(samples, `test-500-${part}-ubyte.gz`);
  return readMnist(file('images-idx3'), file('labels-idx1'));
}

/** Bytes 0 to 255 of image i. */
export function pixelsOf(images: ImageSet, i: number): number[] {
  const size = imageSize(images);
  return Array.from(images.pixels.subarray(i * size, (i + 1) * size));
}

/**
 * Logits [images][classes] of the original model in float32, for images 0 to count - 1.
 * @throws MissingPackageError without ONNX Runtime
 */
export async function originalLogits({ config, weights, preprocess }: Model, images: ImageSet, count: number) {
  const model = await InferenceModel.create(config, weights, { batch: 1 });
  try {
    const all: number[][] = [];
    for (let i = 0; i < count; i++) {
      const normalised = new Float32Array(imageSize(images));
      normaliseImage(images, i, preprocess.normalise!, normalised, 0);
      all.push(Array.from((await model.run({ images: normalised })).logits!));
    }
    return all;
  } finally {
    await model.close();
  }
}

/** Logits [images][classes] of the polynomial model in float64: additions and multiplications only. */
export function polynomialLogits(model: PolynomialModel, images: ImageSet, count: number): number[][] {
  const evaluator = new PolynomialEvaluator(model.graph);
  return Array.from({ length: count }, (_, i) =>
    Array.from(evaluator.run(prepareInput(model, { pixels: pixelsOf(images, i) }))),
  );
}
