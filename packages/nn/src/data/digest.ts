import { createHash } from 'node:crypto';
import type { DataSet } from './dataset.ts';
import { splitNames } from './splits.ts';

/** SHA-256 over a data set's examples, in hexadecimal: two of one digest are the same data. Cost: a hash over all of it. */
export function dataDigest(data: DataSet): string {
  const hash = createHash('sha256').update(`${data.task} ${data.outputs} ${data.tokens ?? 0}`);
  for (const name of splitNames) {
    hash.update(name);
    for (const part of contents(data, name)) hash.update(part);
  }
  return hash.digest('hex');
}

function contents(data: DataSet, name: (typeof splitNames)[number]): Uint8Array[] {
  switch (data.task) {
    case 'image-classification': {
      const { pixels, labels } = data[name].images;
      return [pixels, labels];
    }
    case 'text-classification': {
      const { ids, labels } = data[name].texts;
      return [...ids, Int32Array.from(labels)].map(bytesOf);
    }
    case 'language-model':
      return data[name].streams.map(bytesOf);
  }
}

/** With the length before them: two short lists are not one long one. */
function bytesOf(numbers: Int32Array): Uint8Array {
  const whole = new Int32Array(numbers.length + 1);
  whole[0] = numbers.length;
  whole.set(numbers, 1);
  return new Uint8Array(whole.buffer);
}
