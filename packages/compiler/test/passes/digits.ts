// The polynomial model that ships, and digits as it was and was not made for.
import { join } from 'node:path';
import { type GraphInputs, prepareInput } from '@cipherformer/model';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { readMnist } from '@cipherformer/nn';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const file = (kind: string) => join(root, 'examples', 'mnist', `test-500-${kind}-ubyte.gz`);

export const digitsModel = loadPolynomialModel(join(root, 'models', 'mnist-vit-polynomial'));

/** The bytes of image i of the test images, [28, 28], changed. */
export function digits(): (i: number, change?: (byte: number, pixel: number) => number) => GraphInputs {
  const { pixels } = readMnist(file('images-idx3'), file('labels-idx1'));
  return (i, change = (byte) => byte) =>
    prepareInput(digitsModel, { pixels: Float64Array.from(pixels.subarray(i * 784, (i + 1) * 784), change) });
}

export const manglings: Readonly<Record<string, (byte: number, pixel: number) => number>> = {
  'contrast x 1.2': (byte) => byte * 1.2,
  'contrast x 1.3': (byte) => byte * 1.3,
  'contrast x 2': (byte) => byte * 2,
  'contrast x 100': (byte) => byte * 100,
  inverted: (byte) => 255 - byte,
  'one bright pixel': (byte, pixel) => (pixel === 437 ? 50 * 255 : byte),
  noise: (_, pixel) => (pixel * 7919) % 256,
};
