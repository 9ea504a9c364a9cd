import {
  BootstrapPlan,
  bootstrapLiteral,
  CkksError,
  type Context,
  ciphertextFromWire,
  ciphertextToWire,
  Encoder,
  encryptSymmetric,
  inspectWire,
  KeyGenerator,
  KeyPartMaker,
  KeyPartReader,
  parametersFromWire,
  parametersToWire,
  plaintextFromWire,
  plaintextToWire,
  publicKeyFromWire,
  publicKeyToWire,
  readKeyPartHeader,
  SecretKey,
  Slab,
  secretKeyFromWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
  type WireObject,
  wireBytes,
} from '../../packages/ckks/src/index.ts';
import { sha256 } from '../../packages/ckks/src/wire/checksum.ts';
import { insecureContext, tiny } from './insecure.ts';
import { mutateBytes, resealed } from './mutate.ts';
import type { Reader } from './reader.ts';

const headBytes = 56;
const checksumBytes = 32;

/** All checksums of the objects in the bytes made right, as a malicious writer would. */
async function sealWire(changed: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(changed);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + headBytes + checksumBytes <= bytes.length; ) {
    const description = at + headBytes;
    const body = view.getUint32(at + 16, true);
    const sealed = description + view.getUint32(at + 12, true);
    if (sealed + checksumBytes > bytes.length) break;
    let checksum = await sha256(bytes.slice(at, sealed));
    bytes.set(checksum, sealed);
    at = sealed + checksumBytes;
    for (let left = body; left > 0 && at + 8 + checksumBytes <= bytes.length; ) {
      const payload = view.getUint32(at, true);
      const end = at + 8 + payload;
      if (payload === 0 || end + checksumBytes > bytes.length) return bytes;
      const covered = new Uint8Array(checksumBytes + 8 + payload);
      covered.set(checksum);
      covered.set(bytes.subarray(at, end), checksumBytes);
      checksum = await sha256(covered);
      bytes.set(checksum, end);
      left -= payload;
      at = end + checksumBytes;
    }
  }
  return bytes;
}

const mutations = [mutateBytes, resealed(mutateBytes, sealWire), resealed(mutateBytes, sealWire)];

const secretOf = (context: Context) => SecretKey.fromMaster(context, new Uint8Array(32).fill(7));

async function bytesOf(...objects: readonly WireObject[]): Promise<Uint8Array[]> {
  return Promise.all(objects.map((object) => wireBytes(object)));
}

async function tinyObjects() {
  using secret = secretOf(tiny);
  using earlier = new SecretKey(tiny, new Uint8Array(32));
  const generator = new KeyGenerator(secret);
  using publicKey = generator.publicKey();
  using rotation = generator.rotation(1, 2);
  using conjugation = generator.conjugation(0);
  using plaintext = new Encoder(tiny).encode([0.5, -0.25], undefined, { level: 1 });
  const encrypted = encryptSymmetric(secret, plaintext);
  using ciphertext = encrypted.ciphertext;
  return {
    parameters: await bytesOf(parametersToWire(tiny.parameters)),
    secretKey: await bytesOf(secretKeyToWire(secret), secretKeyToWire(earlier)),
    publicKey: await bytesOf(publicKeyToWire(publicKey)),
    switchingKey: await bytesOf(switchingKeyToWire(rotation), switchingKeyToWire(conjugation)),
    plaintext: await bytesOf(plaintextToWire(plaintext)),
    ciphertext: await bytesOf(ciphertextToWire(ciphertext), ciphertextToWire(encrypted)),
  };
}

/** The smallest ring with a bootstrap. */
export const bootstrapContext = insecureContext(
  bootstrapLiteral({
    logN: 6,
    userLevels: 1,
    scaleBits: 40,
    wideBits: 50,
    slotsToCoeffsLevels: 3,
    coeffsToSlotsLevels: 4,
    specialCount: 3,
  }),
);

/** A part of a key of every role. */
function keyPartBytes(): Uint8Array[] {
  using secret = secretOf(bootstrapContext);
  const specs = new BootstrapPlan(bootstrapContext.parameters).keySpecs();
  using maker = new KeyPartMaker(secret, specs);
  const roles = new Map(maker.parts.map((part) => [part.spec.role, part]));
  return [...roles.values()].map((part) => maker.make(part));
}

/** A part is what its header says, its residues below their primes. */
function readKeyPart(bytes: Uint8Array): void {
  const { ring, kernels, parameters } = bootstrapContext;
  using digit = new Slab(kernels, ring.primes.length * ring.n);
  using reader = new KeyPartReader(bootstrapContext);
  reader.read(bytes, readKeyPartHeader(parameters, bytes, 'the part'), digit.address(), 'the part');
}

const seeds = { ...(await tinyObjects()), keyPart: keyPartBytes() };

const reader = (name: keyof typeof seeds, read: Reader['read']): Reader => ({
  name: `ckks ${name}`,
  seeds: seeds[name],
  read,
  errors: [CkksError],
  mutations,
});

export const ckksReaders: readonly Reader[] = [
  reader('parameters', (bytes) => parametersFromWire(bytes, { insecure: true })),
  reader('secretKey', (bytes) => secretKeyFromWire(tiny, bytes)),
  reader('publicKey', (bytes) => publicKeyFromWire(tiny, bytes)),
  reader('switchingKey', (bytes) => switchingKeyFromWire(tiny, bytes)),
  reader('plaintext', (bytes) => plaintextFromWire(tiny, bytes)),
  reader('ciphertext', (bytes) => ciphertextFromWire(tiny, bytes)),
  { ...reader('keyPart', readKeyPart), mutations: [mutateBytes] },
  {
    name: 'ckks inspect',
    // Parts of keys are no wire objects.
    seeds: Object.entries(seeds)
      .flatMap(([name, bytes]) => (name === 'keyPart' ? [] : bytes))
      .map((bytes) => bytes.subarray(0, 4096)),
    read: (bytes) => inspectWire(bytes),
    errors: [CkksError],
    mutations,
  },
];
