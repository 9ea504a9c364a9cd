import { CipherformerError } from '../../packages/base/src/index.ts';
import { encrypt, ivBytes, passphraseKey, saltBytes } from '../../packages/client/src/browser/sealing.ts';
import { readSecretExport, writeSecretExport } from '../../packages/client/src/browser/secret-export.ts';
import { type Mutation, mutateBytes, mutateJson } from './mutate.ts';
import type { Reader } from './reader.ts';

// What a page reads that is not of a service: a secret key that was exported, from whoever sends a file and its passphrase.

const passphrase = 'correct horse battery';
const masterBytes = 32;
const head = await (async () => {
  const master = new Uint8Array(masterBytes).fill(7);
  const whole = (await writeSecretExport({ master, service: 'https://a.example', verdicts: [] }, passphrase)).slice(0, 13 + saltBytes + ivBytes);
  // One iteration in place of 600,000, so that a case takes a millisecond.
  new DataView(whole.buffer).setUint32(9, 1, true);
  return whole;
})(); // biome-ignore format: one line
const key = await passphraseKey(passphrase, head.slice(13, 13 + saltBytes), 1);

/** The file of a content, as it has to be for the passphrase to open it. */
async function sealed(plain: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const content = await encrypt(key, head.slice(13 + saltBytes), head, new Uint8Array(plain));
  return new Uint8Array(Buffer.concat([head, content]));
}

const counts = { dishonest: 1, outOfRange: 300, allowed: 512 };
const facts = {
  service: 'https://a.example',
  token: `cf_${'a'.repeat(43)}`,
  verdicts: [
    ['12'.repeat(16), counts],
    ['34'.repeat(16), counts],
  ],
};
const master = new Uint8Array(masterBytes).fill(9);
const contentOf = (text: Uint8Array) => new Uint8Array(Buffer.concat([master, text]));
const text = new TextEncoder().encode(JSON.stringify(facts));

/** Other facts beside the master, sealed well. */
const otherFacts: Mutation = async (_, random) => sealed(contentOf(await mutateJson(text, random, [text])));
const otherContent: Mutation = async (_, random) =>
  sealed(await mutateBytes(contentOf(text), random, [contentOf(text)]));

export const clientReaders: readonly Reader[] = [
  {
    name: 'client exported secret key',
    seeds: [await sealed(contentOf(text))],
    read: async (bytes) => void (await readSecretExport(new Uint8Array(bytes), passphrase)),
    errors: [CipherformerError],
    mutations: [mutateBytes, otherFacts, otherFacts, otherContent],
    share: 0.5,
  },
];
