import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadModel } from '../../../src/checkpoints/load.ts';
import { openConversion } from '../../../src/convert/training/conversion.ts';
import { imageDataSet } from '../../../src/data/dataset.ts';
import { readMnist } from '../../../src/data/images.ts';
import type { DataReport } from '../../../src/data/report.ts';
import { recipe, root } from '../support.ts';

it('data without labels gets those of the original, whatever stood there', async () => {
  const original = loadModel(join(import.meta.dirname, '../../../../../models/mnist-vit'));
  const digits = readMnist(join(root, 'mnist-100-images-idx3-ubyte.gz'), join(root, 'mnist-100-labels-idx1-ubyte.gz'));
  const images = { ...digits, labels: new Uint8Array(digits.count) };
  const { channels, height, width } = digits;
  const facts = { outputs: 10, image: { channels, height, width }, normalise: original.preprocess.normalise! };
  const open = (labelled: boolean) => {
    const data = Object.assign(
      imageDataSet(() => images, facts),
      { report: { labelled } as DataReport },
    );
    return openConversion(original, recipe([{ name: 'none' }]), { data });
  };
  const { data } = await open(false);
  if (data.task !== 'image-classification') throw new TypeError('a data set of images');
  for (const part of [data.train, data.validation, data.test]) {
    expect(part.count).toBe(100);
    const right = Array.from(digits.labels).filter((label, i) => part.label(i) === label).length;
    expect(right).toBeGreaterThanOrEqual(98);
    expect(part.images.pixels).toBe(images.pixels);
  }
  // What is labelled stays as it is.
  expect((await open(true)).data.train).toMatchObject({ count: 100 });
  const kept = (await open(true)).data;
  if (kept.task === 'image-classification') expect(kept.train.label(1)).toBe(0);
});
