import { KeyError, ParameterError, WireError } from '../errors/index.ts';
import { Slab } from '../kernels/index.ts';
import {
  type Context,
  checkKeyShape,
  digitBasis,
  expandUniform,
  type Gadget,
  type Parameters,
  PublicKey,
  SecretKey,
  SwitchingKey,
  seedBytes,
} from '../scheme/index.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { expectHeader } from './header.ts';
import { packedObject, readPacked, secretObject, type WireObject } from './object.ts';
import { reading, type WireSource } from './source.ts';

/**
 * The 32-byte master of a secret key, or the seed of one of version 1. Whoever has these bytes can decrypt: in Node use
 * writeSecretKey, which makes the file private; elsewhere encrypt them before they are stored. Its frame is valid until
 * the next one is asked for, then erased.
 */
export function secretKeyToWire(secret: SecretKey): WireObject {
  if (secret.weight !== undefined)
    throw new KeyError('a sparse ephemeral secret is never written: it is derived from the master when keys are made');
  const { version, context } = secret;
  return secretObject('secretKey', version, context.parameters.digest, seedBytes, () => secret.exportBytes());
}

/** Reads a secret key and expands it. @throws WireError for damaged data or a key of other parameters */
export function secretKeyFromWire(context: Context, source: WireSource): Promise<SecretKey> {
  return reading(source, 'the secret key', async (from) => {
    const { header } = await expectHeader(from, 'secretKey', context.parameters.digest);
    const fields = new FieldReader(header.description, 'a secret key');
    const bytes = fields.bytes(seedBytes);
    try {
      fields.end();
      if (header.bodyBytes !== 0) throw new WireError('the secret key claims to have residues: it is damaged');
      return header.version === 1 ? new SecretKey(context, bytes) : SecretKey.fromMaster(context, bytes);
    } finally {
      bytes.fill(0);
      header.description.fill(0);
    }
  });
}

/** The seed of the uniform half and the residues of the other. */
export function publicKeyToWire(key: PublicKey): WireObject {
  const { context } = key;
  return packedObject('publicKey', Uint8Array.from(key.seed), {
    context,
    primes: PublicKey.basis(context.parameters),
    address: (limb) => key.slab.address(limb * context.ring.n),
  });
}

/** Reads a public key and expands its uniform half. @throws WireError for damaged data or a key of other parameters */
export function publicKeyFromWire(context: Context, source: WireSource): Promise<PublicKey> {
  const { parameters, ring } = context;
  return reading(source, 'the public key', (from) =>
    readPacked(from, 'publicKey', context, (header) => {
      const fields = new FieldReader(header.description, 'a public key');
      const seed = fields.bytes(seedBytes);
      fields.end();
      const primes = PublicKey.basis(parameters);
      return {
        primes,
        allocate() {
          const slab = new Slab(context.kernels, 2 * primes.length * ring.n);
          const result = new PublicKey(context, seed, slab);
          expandUniform(context, slab.address(primes.length * ring.n), seed, 0, primes);
          return { result, address: (limb) => slab.address(limb * ring.n) };
        },
      };
    }),
  );
}

/** Everything about a switching key but its residues. */
interface KeyShape {
  readonly level: number;
  readonly gadget: Gadget;
}

/** The seeds of the uniform halves and the residues of the others, digit after digit. */
export function switchingKeyToWire(key: SwitchingKey): WireObject {
  const { context, limbs } = key;
  checkKeyShape(context.parameters, key);
  return packedObject('switchingKey', describeKey(key), {
    context,
    primes: keyPrimes(context.parameters, key),
    address: (limb) => key.half(Math.floor(limb / limbs), 0) + 8 * (limb % limbs) * context.ring.n,
  });
}

/** Reads one key and expands its uniform halves. @throws WireError for damaged data or a key of other parameters */
export function switchingKeyFromWire(context: Context, source: WireSource): Promise<SwitchingKey> {
  const { parameters, ring } = context;
  return reading(source, 'the switching key', (from) =>
    readPacked(from, 'switchingKey', context, (header) => {
      const fields = new FieldReader(header.description, 'a switching key');
      const { level, gadget, galois, seeds } = readKeyDescription(fields, parameters);
      fields.end();
      return {
        primes: keyPrimes(parameters, { level, gadget }),
        allocate() {
          const result = new SwitchingKey(context, level, gadget, galois, seeds);
          for (const [digit, seed] of seeds.entries())
            expandUniform(context, result.half(digit, 1), seed, 0, result.basis);
          const { limbs } = result;
          return {
            result,
            address: (limb) => result.half(Math.floor(limb / limbs), 0) + 8 * (limb % limbs) * ring.n,
          };
        },
      };
    }),
  );
}

function describeKey({ level, gadget, galois, seeds }: SwitchingKey): Uint8Array<ArrayBuffer> {
  const fields = new FieldWriter().u16(level).u8(gadget.special).u8(gadget.digitSizes.length).u32(galois);
  for (const size of gadget.digitSizes) fields.u8(size);
  for (const seed of seeds) fields.bytes(seed);
  return fields.finish();
}

/** Reads and checks it: nothing in it can ask for more than the parameters' largest key. */
function readKeyDescription(
  fields: FieldReader,
  parameters: Parameters,
): KeyShape & { galois: number; seeds: Uint8Array<ArrayBuffer>[] } {
  const [level, special, digits, galois] = [fields.u16(), fields.u8(), fields.u8(), fields.u32()];
  const digitSizes = Array.from({ length: digits }, () => fields.u8());
  const seeds = digitSizes.map(() => fields.bytes(seedBytes));
  try {
    checkKeyShape(parameters, { level, gadget: { special, digitSizes }, galois });
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new WireError(`the description of a key is damaged, or was made for others: ${error.message}`, {
      cause: error,
    });
  }
  return { level, gadget: parameters.gadgetWith(level, special)!, galois, seeds };
}

/** Ring primes of all limbs of the halves on the wire. */
function keyPrimes(parameters: Parameters, { level, gadget }: KeyShape): number[] {
  const digit = digitBasis(parameters, level, gadget);
  return gadget.digitSizes.flatMap(() => digit);
}
