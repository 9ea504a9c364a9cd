// The process in which `npm run check security-cost` measures one checkout, on one thread. Arguments: the checkout, a
// program that it compiled, and what to do (JSON): how often to repeat each operation, and at which parameters and level,
// the same for both checkouts. Prints seconds of processor time, each time.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [root, program, task] = process.argv.slice(2);
const { times, parameters, level } = JSON.parse(task);
const load = (path) => import(pathToFileURL(join(root, 'packages', path)).href);
const ckks = await load('ckks/dist/index.js');
/** The client's side of a program: in releases before the package `runtime`, of the compiler. */
const client = await load('runtime/dist/client.js').catch(() => load('compiler/dist/client.js'));
const files = await load('runtime/dist/client-files.js').catch(() =>
  load('compiler/dist/client-files.js').catch(() => client),
);
const { readManifest } = files.readManifest ? files : client;

const context = await ckks.Context.create(ckks.Parameters.from(parameters), { threads: 1 });
const { SecretKey } = ckks;
const master = () => crypto.getRandomValues(new Uint8Array(32));
const makeSecret = (of = context) =>
  SecretKey.fromMaster ? SecretKey.fromMaster(of, master()) : new SecretKey(of, master());

const secret = makeSecret();
const generator = new ckks.KeyGenerator(secret);
const publicKey = generator.publicKey();
const encoder = new ckks.Encoder(context);
const decryptor = new ckks.Decryptor(secret);
const values = Float64Array.from({ length: 2 ** (parameters.logN - 1) }, (_, i) => Math.sin(i));
const encode = (level) => encoder.encode(values, undefined, { level });
const dispose = (...owned) => owned.forEach((one) => void one[Symbol.dispose]());
const plaintext = encode(1);
const { ciphertext: result } = ckks.encryptSymmetric(secret, plaintext);

/** Of the program as this checkout compiles it: fewer keys, of another chain, are a part of what is measured. */
async function programKeys() {
  const manifest = await readManifest(program);
  const own = await ckks.Context.create(client.parametersOf(manifest), { threads: 1 });
  const secret = makeSecret(own);
  if (client.makeEvaluationKeys) return dispose(client.makeEvaluationKeys(secret, manifest), secret, own);
  const memory = new client.VolatilePartMemory();
  let bytes = 0;
  for await (const part of client.makeParts(secret, client.keySpecsOf(manifest), memory)) bytes += part.bytes.length;
  if (bytes === 0) throw new Error('no key was made');
  dispose(secret, own);
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

const seconds = {};
for (const [name, count] of Object.entries(times)) {
  // What the first time costs alone (compilation, first pages) is no part of the operation.
  if (count > 1) await operations[name]();
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await operations[name]();
  const { user, system } = process.cpuUsage(before);
  seconds[name] = (user + system) / 1e6 / count;
}
process.stdout.write(JSON.stringify(seconds));
