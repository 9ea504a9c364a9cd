import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CipherformerError } from '../../packages/base/src/errors.ts';
import { BootstrapPlan, type WireObject, wireBytes } from '../../packages/ckks/src/index.ts';
import { sha256 } from '../../packages/ckks/src/wire/checksum.ts';
import { serialiseDocuments } from '../../packages/model/src/files/documents.ts';
import { serialisePreparation } from '../../packages/model/src/files/preparation.ts';
import { parsePolynomialModel } from '../../packages/model/src/files/serialise.ts';
import { prepareInput } from '../../packages/model/src/inputs/prepare-input.ts';
import { checkPreparation } from '../../packages/model/src/inputs/preprocess.ts';
import { FileVerdictLedger } from '../../packages/runtime/src/client/verdict-file.ts';
import { FileError } from '../../packages/runtime/src/errors.ts';
import { makeKeyList, parseKeyList } from '../../packages/runtime/src/keys/key-list.ts';
import { FilePartMemory } from '../../packages/runtime/src/keys/part-memory-file.ts';
import { planProgram } from '../../packages/runtime/src/keys/planned-program.ts';
import { readClientHalf } from '../../packages/runtime/src/protocol/client-half.ts';
import { EnvelopeReader, sealEnvelope } from '../../packages/runtime/src/protocol/envelope.ts';
import { makeManifest } from '../../packages/runtime/src/protocol/make-manifest.ts';
import { keySpecsOf, parametersOf, parseManifest } from '../../packages/runtime/src/protocol/manifest.ts';
import { fromRuns } from '../../packages/runtime/src/protocol/runs.ts';
import { testModel } from '../../packages/runtime/test/protocol/protocol.ts';
import { bootstrapContext } from './ckks-readers.ts';
import { mutateBytes, mutateJson, mutateJsonHeader, mutateJsonLines, mutateLines, resealed } from './mutate.ts';
import { ofTexts } from './nn-readers.ts';
import type { Reader } from './reader.ts';

const text = (value: string) => new TextEncoder().encode(value);
const encoded = (value: unknown) => text(JSON.stringify(value));

type Half = Pick<Parameters<typeof makeManifest>[0], 'model' | 'files'> & { readonly input: string };

function manifest({ model, files, input }: Half): Uint8Array {
  const { parameters } = bootstrapContext;
  const slots = Int32Array.from({ length: parameters.maxSlots }, (_, i) => i);
  const value = makeManifest({
    digest: 'ab'.repeat(32),
    planned: planProgram(
      {
        slots: parameters.maxSlots,
        inputs: [{ name: input, register: 0, level: 1, source: slots, factor: 1 }],
        instructions: [{ op: 'multiply', source: 'square', level: 1, left: 0, right: 0, output: 1 }],
        masks: [],
        outputs: [
          { name: 'logits', register: 1, slots: slots.subarray(0, 4), factor: 1, limit: 10, period: 8 },
          { name: 'sentinel', register: 1, slots, factor: 1, limit: 2 },
        ],
      },
      new BootstrapPlan(parameters),
    ),
    predicted: { cpuSeconds: 1, peakBytes: 1, bootstraps: 0, instructions: 1 },
    batch: 1,
    model,
    files,
  });
  return encoded(value);
}
const ofImages: Half = {
  model: { ...testModel, classes: ['a', 'b', 'c', 'd'] },
  files: { 'tokenizer.json': 'ef'.repeat(32) },
  input: 'patches',
};

/** The same as releases before version 3 wrote it. */
function version2(bytes: Uint8Array): Uint8Array {
  const { batch, ...rest } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly batch: number };
  return encoded({ ...rest, version: 2, compile: { batch } });
}

function readManifest(bytes: Uint8Array): void {
  const read = parseManifest(bytes, 'manifest.json', { insecure: true });
  // What client and server ask of it next.
  parametersOf(read, { insecure: true });
  keySpecsOf(read);
  for (const { slots } of read.outputs) fromRuns(slots, read.slots);
}

// The client's half of a program of texts.
const { structure, files } = serialisePreparation(parsePolynomialModel(ofTexts, 'model'));
// A search: the program below has four logits.
const documents = ['first', 'second,\nof two lines', 'dritter \u00fc', 'fourth'];
files.set('documents.json', serialiseDocuments(documents));
const hex = async (bytes: Uint8Array<ArrayBuffer>) => Buffer.from(await sha256(bytes)).toString('hex');
const digests: Record<string, string> = {};
for (const [name, bytes] of files) digests[name] = await hex(new Uint8Array(bytes));
const [textInput] = checkPreparation(parsePolynomialModel(ofTexts, 'model'), 'model').keys();
const ofText = (changes: Record<string, string> = {}) =>
  manifest({
    model: { name: 'test', documents: documents.length, ...structure },
    files: { ...digests, ...changes },
    input: textInput!,
  });

// The half of a program of pictures whose patches the client embeds.
const width = 3;
const patches = {
  channels: 1,
  height: 4,
  width: 4,
  patch: 2,
  padding: 0,
  order: 'channel-first',
  classToken: false,
} as const;
const pictures = serialisePreparation({
  task: 'image-classification',
  graph: { tokens: 4 },
  preprocess: {
    ...{ kind: 'image', patches, normalise: { mean: [0.5], deviation: [0.25] } },
    embedding: {
      weight: { rows: width, columns: 4, values: Float32Array.from({ length: width * 4 }, (_, i) => i - 5) },
      bias: new Float32Array(width),
      norm: { kind: 'layer', epsilon: 1e-5, gain: new Float32Array(width).fill(1), bias: new Float32Array(width) },
    },
  },
}); // biome-ignore format: short
const [tables, tableBytes] = [...pictures.files][0]!;
const tablesDigest = await hex(new Uint8Array(tableBytes));
const ofPictures = (digest = tablesDigest) =>
  manifest({ model: { name: 'test', ...pictures.structure }, files: { [tables]: digest }, input: 'embedded' });

/** Reads a half with one file in place of its own, named by its own digest, and prepares a text with it. */
const withFile = (name: string) => async (bytes: Uint8Array) => {
  const own = new Uint8Array(bytes);
  const given = new Map([...files, ['manifest.json', ofText({ [name]: await hex(own) })], [name, own]]);
  await readHalf(given);
};
const withManifest = (bytes: Uint8Array) => readHalf(new Map([...files, ['manifest.json', bytes]]));
const withTables = async (bytes: Uint8Array) => {
  const own = new Uint8Array(bytes);
  await readHalf(
    new Map([
      ['manifest.json', ofPictures(await hex(own))],
      [tables, own],
    ]),
  );
};
const ofPicturesManifest = (bytes: Uint8Array) => readHalf(new Map([['manifest.json', bytes], [tables, tableBytes]])); // biome-ignore format: short

async function readHalf(given: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const file = async (name: string) => {
    const bytes = given.get(name);
    if (bytes === undefined) throw new FileError(`there is no ${JSON.stringify(name)}`);
    return new Uint8Array(bytes);
  };
  const { preparation } = await readClientHalf(file, 'client', { insecure: true });
  const { preprocess } = preparation;
  if (preprocess.kind === 'text') prepareInput(preparation, { text: 'hello b!' });
  else if (preprocess.embedding) {
    const { channels, height, width } = preprocess.patches;
    if (channels * height * width <= 2 ** 12)
      prepareInput(preparation, { pixels: new Uint8Array(channels * height * width).fill(90) });
  }
}

// Files beside the secret key.
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const key = 'ab'.repeat(16);
const verdicts = [
  { format: 'cipherformer-verdicts', version: 1, key },
  { dishonest: 1 },
  { outOfRange: 7 },
  { allowed: 256 },
].map((line) => JSON.stringify(line));
const partName = 'galois-3-1-1-0';
/** As the writer writes it: each line has a check of its own. */
async function partMemory(): Promise<Uint8Array> {
  const path = placed('parts', new Uint8Array(0));
  const memory = await FilePartMemory.open(path, key);
  memory.set(partName, 'cd'.repeat(32));
  memory.set('toSparse-0-1-0', 'ef'.repeat(32));
  return new Uint8Array(readFileSync(path));
}

/** Writes the bytes where a file is expected. */
function placed(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const { parameters } = bootstrapContext;
const keyList = makeKeyList(parameters, 'ab'.repeat(16), new BootstrapPlan(parameters).keySpecs(), () =>
  'cd'.repeat(32),
);

const header = { kind: 'inputs', program: 'cd'.repeat(32), key: 'ef'.repeat(16), examples: 1 } as const;
const object: WireObject = {
  kind: 'ciphertext',
  bytes: 50,
  async *[Symbol.asyncIterator]() {
    yield new Uint8Array(50);
  },
};
const envelopes = [await sealEnvelope(header, [object, object]), await sealEnvelope(header, [])];

async function readEnvelope(bytes: Uint8Array): Promise<void> {
  async function* chunks() {
    yield bytes;
  }
  const reader = new EnvelopeReader(chunks(), 'the file');
  const { lengths } = await reader.header(header);
  for (const length of lengths) for await (const _ of reader.object(length));
  await reader.end();
}

/** Magic, length of the JSON, JSON, SHA-256 of all that. */
async function sealHeader(changed: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(changed);
  if (bytes.length < 12) return bytes;
  const end = 12 + new DataView(bytes.buffer).getUint32(8, true);
  if (end + 32 <= bytes.length) bytes.set(await sha256(bytes.slice(0, end)), end);
  return bytes;
}

export const compilerReaders: readonly Reader[] = [
  {
    name: 'compiler manifest',
    seeds: [manifest(ofImages), version2(manifest(ofImages))],
    read: readManifest,
    errors: [CipherformerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  {
    name: 'compiler key list',
    seeds: [encoded(keyList)],
    read: (bytes) => void parseKeyList(bytes, 'list.json', bootstrapContext.parameters),
    errors: [CipherformerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  {
    name: 'compiler envelope',
    seeds: await Promise.all(envelopes.map((envelope) => wireBytes(envelope))),
    read: readEnvelope,
    errors: [CipherformerError],
    mutations: [mutateBytes, resealed(mutateBytes, sealHeader), resealed(mutateJsonHeader(8, 4), sealHeader)],
  },
  {
    name: 'compiler client half',
    seeds: [ofText()],
    read: withManifest,
    errors: [CipherformerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  ...[...files].map(
    ([name, bytes]): Reader => ({
      name: `compiler client half ${name}`,
      seeds: [bytes],
      read: withFile(name),
      errors: [CipherformerError],
      mutations: name.endsWith('.json') ? [mutateJson, mutateJson, mutateBytes] : [mutateBytes, mutateJsonHeader(0, 8)],
    }),
  ),
  {
    name: 'compiler client half of pictures',
    seeds: [ofPictures()],
    read: ofPicturesManifest,
    errors: [CipherformerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  {
    name: 'compiler client half of pictures, its tables',
    seeds: [new Uint8Array(tableBytes)],
    read: withTables,
    errors: [CipherformerError],
    mutations: [mutateBytes, mutateJsonHeader(0, 8)],
  },
  {
    name: 'compiler verdicts',
    seeds: [text(`\n${verdicts.join('\n\n')}\n`)],
    read: (bytes) => new FileVerdictLedger(placed('verdicts', bytes), key).load(),
    errors: [CipherformerError],
    mutations: [mutateBytes, mutateJsonLines, mutateLines],
  },
  {
    name: 'compiler part memory',
    seeds: [await partMemory()],
    read: async (bytes) => {
      const memory = await FilePartMemory.open(placed('parts', bytes), key);
      if (memory.get(partName) !== undefined) return;
      throw new FileError('it was begun again');
    },
    errors: [CipherformerError],
    mutations: [mutateBytes, mutateLines],
    // One of another key is begun again, on the disk.
    share: 0.02,
  },
];
