import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { CipherformerError, UsageError } from '../../packages/base/src/errors.ts';
import { readEarlierResults } from '../../packages/cipherformer/src/evaluate/results-file.ts';
import { imagePixels } from '../../packages/cipherformer/src/input/image-file.ts';
import { readInputs } from '../../packages/cipherformer/src/input/read-input.ts';
import { formOf } from '../../packages/cipherformer/src/input/seen.ts';
import { exportedSecret, importedSecret } from '../../packages/cipherformer/src/owner/secret-store.ts';
import { parseRecord } from '../../packages/cipherformer/src/report/record-schema.ts';
import { SecretKey } from '../../packages/ckks/src/index.ts';
import { DataError } from '../../packages/model/src/errors.ts';
import type { ModelFiles } from '../../packages/model/src/files/model-files.ts';
import { parsePolynomialModel } from '../../packages/model/src/files/serialise.ts';
import type { ImagePreprocess } from '../../packages/model/src/inputs/preprocess.ts';
import { parseJson } from '../../packages/model/src/untrusted/index.ts';
import { tiny } from './insecure.ts';
import { mutateBytes, mutateJson, resealed } from './mutate.ts';
import { ofImages, ofTexts } from './nn-readers.ts';
import type { Reader } from './reader.ts';

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const words = [mutateJson, mutateJson, mutateJson, mutateBytes];

// Image files, of the size that the model takes and of another.
const pictures = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../packages/model/test/references/pictures.json'), 'utf8'),
) as { name: string; file: string }[];
const files = (wanted: (name: string) => boolean) =>
  pictures.filter(({ name }) => wanted(name)).map(({ file }) => new Uint8Array(Buffer.from(file, 'base64')));
const jpegs = files((name) => name.startsWith('jpeg'));
const pngs = files((name) => !name.startsWith('jpeg'));

/** The checksums of a PNG's chunks made right again. */
function sealPng(changed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(changed);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return new Uint8Array(bytes);
}

const preprocess: ImagePreprocess = {
  kind: 'image',
  patches: {
    ...{ channels: 3, height: 6, width: 6, patch: 3, stride: 3, padding: 0 },
    ...{ order: 'channel-first', classToken: false },
  },
  normalise: { mean: [0, 0, 0], deviation: [1, 1, 1] },
};
const readImage = (bytes: Uint8Array) => imagePixels(bytes, 'image', preprocess, true);

// Inputs in JSON.
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'file');
const readerOf = (files: ModelFiles) => {
  const form = formOf(parsePolynomialModel(files, 'model'));
  return async (bytes: Uint8Array) => void (await readInputs([{ file: placed(bytes) }], form));
};
const [imageReader, textReader] = [readerOf(ofImages), readerOf(ofTexts)];
const pixels = Array.from({ length: 72 }, (_, i) => i);

const placed = (bytes: Uint8Array): string => {
  writeFileSync(file, bytes);
  return file;
};

// Records of conversions, and results of evaluations.
const root = join(import.meta.dirname, '../..');
const record = new Uint8Array(readFileSync(join(root, 'models/mnist-vit-polynomial/conversion.json')));
const logits = [0.5, null, -1];
const results = {
  identity: 'id',
  keyBytes: { predicted: 1, measured: 1 },
  examples: [
    {
      index: 0,
      label: 1,
      original: logits,
      polynomial: logits,
      simulated: logits,
      encrypted: {
        ...{ logits, trusted: false, reason: 'why', wallSeconds: 1, cpuSeconds: 1, systemSeconds: 0 },
        ...{ predictedCpuSeconds: 1, peakRssBytes: 1 },
      },
      outside: false,
    },
  ],
};

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseJson(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new DataError(`not JSON: ${(error as Error).message.slice(0, 100)}`);
  }
}

// A secret key that was exported, with the counts of what it has told.
const exported = await (async () => {
  using secret = SecretKey.fromMaster(tiny, new Uint8Array(32).fill(7));
  return await exportedSecret(secret, { dishonest: 1, outOfRange: 300, allowed: 512 });
})();
async function readExported(bytes: Uint8Array): Promise<void> {
  const { secret } = await importedSecret(new Uint8Array(bytes), tiny);
  secret[Symbol.dispose]();
}

export const cipherformerReaders: readonly Reader[] = [
  { name: 'cipherformer exported secret key', seeds: [exported], read: readExported, errors: [CipherformerError] },
  {
    name: 'cipherformer PNG',
    seeds: pngs,
    read: readImage,
    errors: [DataError],
    mutations: [mutateBytes, resealed(mutateBytes, sealPng), resealed(mutateBytes, sealPng)],
    share: 0.5,
  },
  { name: 'cipherformer JPEG', seeds: jpegs, read: readImage, errors: [DataError], share: 0.5 },
  {
    name: 'cipherformer input of an image',
    seeds: [{ pixels }, { image: pixels.map((x) => x / 72) }].map(json),
    read: imageReader,
    errors: [UsageError, CipherformerError],
    mutations: words,
  },
  {
    name: 'cipherformer input of a text',
    seeds: [{ text: 'hello b!' }, { ids: [1, 2, 3] }].map(json),
    read: textReader,
    errors: [UsageError, CipherformerError],
    mutations: words,
  },
  {
    name: 'cipherformer record of a conversion',
    seeds: [record],
    read: (bytes) => void parseRecord(jsonOf(bytes), 'conversion.json'),
    errors: [CipherformerError],
    mutations: words,
    share: 0.05,
  },
  {
    name: 'cipherformer results of an evaluation',
    seeds: [json(results)],
    read: (bytes) => void readEarlierResults(placed(bytes), 'id', [0]),
    errors: [UsageError, CipherformerError],
    mutations: words,
  },
];
