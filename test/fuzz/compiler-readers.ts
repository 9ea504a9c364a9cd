import { BootstrapPlan, type WireObject, wireBytes } from '../../packages/ckks/src/index.ts';
import { sha256 } from '../../packages/ckks/src/wire/checksum.ts';
import { CompilerError } from '../../packages/compiler/src/errors.ts';
import { EnvelopeReader, sealEnvelope } from '../../packages/compiler/src/files/envelope.ts';
import { makeKeyList, parseKeyList } from '../../packages/compiler/src/files/key-list.ts';
import { makeManifest } from '../../packages/compiler/src/files/make-manifest.ts';
import { keySpecsOf, parametersOf, parseManifest } from '../../packages/compiler/src/files/manifest.ts';
import { fromRuns } from '../../packages/compiler/src/files/runs.ts';
import { testModel } from '../../packages/compiler/test/files/protocol.ts';
import { bootstrapContext } from './ckks-readers.ts';
import { mutateBytes, mutateJson, mutateJsonHeader, resealed } from './mutate.ts';
import type { Reader } from './reader.ts';

const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function manifest(): Uint8Array {
  const { parameters } = bootstrapContext;
  const slots = Int32Array.from({ length: parameters.maxSlots }, (_, i) => i);
  const value = makeManifest({
    digest: 'ab'.repeat(32),
    parameters,
    program: {
      slots: parameters.maxSlots,
      inputs: [{ name: 'patches', register: 0, level: 1, source: slots, factor: 1 }],
      instructions: [{ op: 'multiply', source: 'square', level: 1, left: 0, right: 0, output: 1 }],
      masks: [],
      outputs: [
        { name: 'logits', register: 1, slots: slots.subarray(0, 4), factor: 1, limit: 10, period: 8 },
        { name: 'sentinel', register: 1, slots, factor: 1, limit: 2 },
      ],
    },
    predicted: { cpuSeconds: 1, peakBytes: 1, bootstraps: 0, instructions: 1 },
    compile: { batch: 1 },
    model: { ...testModel, classes: ['a', 'b', 'c', 'd'] },
    files: { 'tokenizer.json': 'ef'.repeat(32) },
  });
  return encoded(value);
}

function readManifest(bytes: Uint8Array): void {
  const read = parseManifest(bytes, 'manifest.json', { insecure: true });
  // What client and server ask of it next.
  parametersOf(read, { insecure: true });
  keySpecsOf(read);
  for (const { slots } of read.outputs) fromRuns(slots, read.slots);
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
  async function* pieces() {
    yield bytes;
  }
  const reader = new EnvelopeReader(pieces(), 'the file');
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
    seeds: [manifest()],
    read: readManifest,
    errors: [CompilerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  {
    name: 'compiler key list',
    seeds: [encoded(keyList)],
    read: (bytes) => void parseKeyList(bytes, 'list.json', bootstrapContext.parameters),
    errors: [CompilerError],
    mutations: [mutateJson, mutateJson, mutateJson, mutateBytes],
  },
  {
    name: 'compiler envelope',
    seeds: await Promise.all(envelopes.map((envelope) => wireBytes(envelope))),
    read: readEnvelope,
    errors: [CompilerError],
    mutations: [mutateBytes, resealed(mutateBytes, sealHeader), resealed(mutateJsonHeader(8, 4), sealHeader)],
  },
];
