import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '../../../../model/src/files/safetensors-file.ts';
import { readJson } from '../../../../model/src/files/storage.ts';
import { elementCount, type StoredTensor } from '../../../../model/src/files/stored-tensor.ts';
import { loadModel } from '../../../src/checkpoints/load.ts';
import type { Model } from '../../../src/checkpoints/model-folder.ts';
import { InferenceModel } from '../../../src/evaluate/inference.ts';

/** One of references.json: a configuration, names and shapes of its tensors, and what transformers computes in float64. */
export interface Reference {
  readonly name: string;
  readonly class: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  /** Token numbers; without them the input is an image, "pixels". */
  readonly ids?: readonly number[];
  readonly output: Output;
  /** Of the first reference of a family: what each key of its config.json, changed alone, does in transformers. */
  readonly changes?: Readonly<Record<string, Change>>;
}
type Output = readonly number[] | readonly (readonly number[])[];

/** Another value of a key. Its effect: "none" where transformers does not load the folder. */
export type Change = { readonly value: unknown } & (
  | { readonly effect: 'none' | 'same' }
  | { readonly effect: 'other'; readonly output: Output }
);

/** Largest difference as a share of the reference's spread; single precision gives about 1e-6. */
export function difference(actual: readonly number[], output: Output): number {
  const wanted = output.flat();
  const last = actual.slice(-wanted.length);
  const spread = wanted.length > 1 ? Math.max(...wanted) - Math.min(...wanted) : Math.abs(wanted[0]!);
  return Math.max(...wanted.map((value, i) => Math.abs(value - last[i]!) / spread));
}

export const references = (readJson(join(import.meta.dirname, 'references.json')) as { cases: Reference[] }).cases;

/** The values of a tensor, from its name: as `values` of references.py. */
export function valuesOf(name: string, shape: readonly number[]): StoredTensor {
  let seed = 0;
  for (const byte of new TextEncoder().encode(name)) seed = (Math.imul(seed, 31) + byte) >>> 0;
  const gain = shape.length === 1 && !name.endsWith('bias') ? 1 : 0;
  const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + seed) >>> 0;
    x = (x ^ (x >>> 15)) >>> 0;
    x = Math.imul(x, 2246822519) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return gain + 1.2 * (x / 2 ** 32 - 0.5);
  });
  return { shape, data };
}

export const tensorsOf = ({ tensors }: Reference): Map<string, StoredTensor> =>
  new Map(Object.entries(tensors).map(([name, shape]) => [name, valuesOf(name, shape)]));

/** A folder as save_pretrained writes it, for as long as `use` runs. */
export function withFolder<T>(
  reference: Reference,
  use: (folder: string) => T,
  config: Readonly<Record<string, unknown>> = reference.config,
): T {
  const folder = mkdtempSync(join(tmpdir(), 'reference-'));
  try {
    writeSafetensors(join(folder, 'model.safetensors'), tensorsOf(reference));
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const load = (reference: Reference, config?: Readonly<Record<string, unknown>>): Model =>
  withFolder(reference, loadModel, config);

/** What a model gives for the input of a reference, followed by `padding` tokens that do not count. */
export async function outputOf({ config, weights }: Model, reference: Reference, padding: readonly number[] = []) {
  const { ids } = reference;
  const embedding = config.embedding;
  const all = ids && [...ids, ...padding];
  const feeds =
    all === undefined
      ? {
          images: valuesOf(
            'pixels',
            embedding.kind === 'patch' ? [1, embedding.channels, embedding.height, embedding.width] : [],
          ).data,
        }
      : {
          ids: BigInt64Array.from(all, BigInt),
          ...(config.task === 'language-model'
            ? {}
            : { mask: Float32Array.from(all, (_, t) => (t < ids!.length ? 1 : 0)) }),
        };
  const model = await InferenceModel.create(config, weights, { batch: 1, ...(all ? { tokens: all.length } : {}) });
  try {
    return [...(await model.run(feeds)).logits!];
  } finally {
    await model.close();
  }
}
