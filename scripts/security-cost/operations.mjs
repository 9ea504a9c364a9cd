// The process in which `npm run check security-cost` measures one checkout, on one thread. Arguments: the checkout, and a
// program that it compiled. A message names an operation and how often to repeat it; the answer is processor time.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [root, program] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(root, 'packages', path)).href);
const ckks = await load('ckks/dist/index.js');
const client = await load('compiler/dist/client.js');
// Releases before the parts of keys read manifests without this entry.
const { readManifest } = client.readManifest ? client : await load('compiler/dist/client-files.js');

const manifest = await readManifest(program);
const context = await ckks.Context.create(client.parametersOf(manifest), { threads: 1 });
const { SecretKey } = ckks;
const master = () => crypto.getRandomValues(new Uint8Array(32));
const makeSecret = () =>
  SecretKey.fromMaster ? SecretKey.fromMaster(context, master()) : new SecretKey(context, master());

const secret = makeSecret();
const generator = new ckks.KeyGenerator(secret);
const publicKey = generator.publicKey();
const encoder = new ckks.Encoder(context);
const decryptor = new ckks.Decryptor(secret);
const values = Float64Array.from({ length: manifest.slots }, (_, i) => Math.sin(i));
const encode = (level) => encoder.encode(values, undefined, { level });
const dispose = (...owned) => owned.forEach((one) => void one[Symbol.dispose]());
const plaintext = encode(1);
const { ciphertext: result } = ckks.encryptSymmetric(secret, plaintext);

/** Level of a request's ciphertexts. */
const { level } = manifest.inputs[0];

async function programKeys() {
  if (client.makeEvaluationKeys) return dispose(client.makeEvaluationKeys(secret, manifest));
  const memory = new client.VolatilePartMemory();
  let bytes = 0;
  for await (const part of client.makeParts(secret, client.keySpecsOf(manifest), memory)) bytes += part.bytes.length;
  if (bytes === 0) throw new Error('no key was made');
}

/** What is measured, by its name in scripts/checks/security-cost.mjs. */
const operations = {
  secretKey: () => dispose(makeSecret()),
  publicKey: () => dispose(generator.publicKey()),
  evaluationKey: () => dispose(generator.rotation(1)),
  programKeys,
  encryption() {
    const input = encode(level);
    dispose(ckks.encryptSymmetric(secret, input).ciphertext, input);
  },
  publicEncryption() {
    const input = encode(level);
    dispose(ckks.encryptPublic(publicKey, input), input);
  },
  decryption() {
    const slots = decryptor.decrypt(result);
    if (!(Math.abs(slots.reveal().real[1] - values[1]) < 1e-3)) throw new Error('it was not decrypted');
    dispose(slots);
  },
};

process.on('message', async ({ operation, times }) => {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) await operations[operation]();
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / 1e6 / times);
});
process.on('disconnect', () => process.exit());
process.send('ready');
