// What a secret key refuses to make, whoever asks: rows 1, 4 and 15 of the security review.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BootstrapPlan,
  Context,
  checkKeyUse,
  checkSecretUse,
  Encoder,
  encryptSymmetric,
  ephemeralWeight,
  galoisElement,
  inverseGalois,
  KeyGenerator,
  type KeySpec,
  keyParts,
  ParameterError,
  Parameters,
  SecretKey,
  SwitchingKey,
  switchingKeyFromWire,
  switchingKeyToWire,
  WireError,
  wireBytes,
} from '../../src/index.ts';
import { failure, parts, resealed } from '../wire/support.ts';
import { Laboratory, smallLiteral } from './support.ts';

const literal = { ...smallLiteral, logN: 6 };
const twoN = 2 ** (literal.logN + 1);

let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.create(literal);
});
afterAll(() => lab[Symbol.dispose]());

/** No automorphism: even numbers, numbers outside [1, 2N), fractions, what is not a number. */
const notGalois = fc.oneof(
  fc.integer({ min: -twoN, max: 2 * twoN }).map((x) => 2 * x),
  fc.integer({ min: twoN, max: 2 ** 53 - 1 }),
  fc.integer({ min: -(2 ** 53) + 1, max: 0 }),
  fc.double().filter((x) => !Number.isInteger(x)),
  fc.constantFrom(...([Number.NaN, Number.POSITIVE_INFINITY, undefined, null, '3', '', [3]] as number[])),
);
const galois = fc.integer({ min: 0, max: twoN / 2 - 1 }).map((i) => 2 * i + 1);
const level = fc.integer({ min: 0, max: literal.chainBits.length - 1 });

/** Runs what must be refused; nothing may stay allocated. */
function refused(run: () => unknown, ...patterns: readonly (string | RegExp)[]): void {
  const { kernels } = lab.context;
  const before = kernels.memory().slabs;
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(ParameterError);
  for (const pattern of patterns) expect((caught as Error).message).toMatch(pattern);
  expect(kernels.memory().slabs).toBe(before);
}

describe('row 1: a key is made for an automorphism only', () => {
  it('every generator, the writer and inverseGalois refuse any other number', () => {
    fc.assert(
      fc.property(notGalois, level, (wrong, at) => {
        const gadget = lab.parameters.gadget(at);
        const all = [/galois is/, 'whole odd number from 1 to 127'];
        refused(() => inverseGalois(wrong, literal.logN), ...all);
        refused(() => checkKeyUse(lab.parameters, { galois: wrong, level: at, special: gadget.special }), ...all);
        refused(() => lab.generator.galois({ galois: wrong, level: at }), ...all);
        refused(() => lab.generator.galois({ galois: wrong, level: at }, gadget), ...all);
        using key = new SwitchingKey(
          lab.context,
          at,
          gadget,
          wrong,
          gadget.digitSizes.map(() => new Uint8Array(32)),
        );
        refused(() => switchingKeyToWire(key), ...all);
        const spec: KeySpec = { role: 'galois', galois: wrong, level: at, special: gadget.special };
        refused(() => keyParts(lab.parameters, [spec]), ...all);
      }),
    );
  });

  it('and make one for every odd number below 2N, which undoes its inverse', () => {
    fc.assert(
      fc.property(galois, level, (g, at) => {
        expect((g * inverseGalois(g, literal.logN)) % twoN).toBe(1);
        using key = lab.generator.galois({ galois: g, level: at });
        expect([key.galois, key.level]).toEqual([g, at]);
        expect(switchingKeyToWire(key).bytes).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  });

  it('the reader refuses every description that the generator refuses, with a WireError', async () => {
    using key = lab.generator.rotation(1, 2);
    const bytes = await wireBytes(switchingKeyToWire(key));
    const [from] = parts(bytes).description;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((x) => 2 * x),
          fc.integer({ min: twoN, max: 2 ** 32 - 1 }),
        ),
        async (wrong) => {
          const changed = bytes.slice();
          new DataView(changed.buffer).setUint32(from + 4, wrong, true);
          const error = await failure(switchingKeyFromWire(lab.context, await resealed(changed)));
          expect(error).toBeInstanceOf(WireError);
          expect(error.message).toMatch(`galois is ${wrong}`);
        },
      ),
    );
  });

  it('levels, special primes and digits that these parameters do not have', () => {
    const whole = (most: number) =>
      fc.oneof(
        fc.integer({ min: most + 1, max: 2 ** 40 }),
        fc.integer({ min: -(2 ** 40), max: -1 }),
        fc.double().filter((x) => !Number.isInteger(x)),
      );
    const { maxLevel, specialCount } = lab.parameters;
    fc.assert(
      fc.property(galois, whole(maxLevel), whole(specialCount), level, (g, badLevel, badSpecial, at) => {
        const { special } = lab.parameters.gadget(at);
        refused(
          () => checkKeyUse(lab.parameters, { galois: g, level: badLevel, special }),
          `level ${badLevel}`,
          /0 to 5/,
        );
        refused(
          () => checkKeyUse(lab.parameters, { galois: g, level: at, special: badSpecial }),
          `special ${badSpecial}`,
        );
        refused(() => checkKeyUse(lab.parameters, { galois: g, level: at, special: 0 }), /special 0/, /1 to 2/);
        const odd = { special: badSpecial, digitSizes: [1] };
        refused(() => lab.generator.galois({ galois: g, level: at }, odd));
        refused(() => lab.generator.galois({ galois: g, level: badLevel }, lab.parameters.gadget(at)), /level/);
        refused(() => lab.generator.switchTo(lab.secret, at, odd));
      }),
    );
    fc.assert(
      fc.property(galois, level, fc.array(fc.nat(7), { maxLength: 8 }), (g, at, digitSizes) => {
        const usual = lab.parameters.gadget(at);
        fc.pre(`${digitSizes}` !== `${usual.digitSizes}`);
        const gadget = { special: usual.special, digitSizes };
        refused(() => lab.generator.galois({ galois: g, level: at }, gadget), /digits \[/, /gadgetWith/);
        refused(() => lab.generator.switchTo(lab.secret, at, gadget), /digits \[/);
      }),
    );
  });

  it('special primes that together are smaller than a prime of the level', () => {
    const parameters = Parameters.from({ ...literal, specialBits: [40, 40] }, { insecure: true });
    expect(parameters.gadgetWith(0, 1)).toBeUndefined();
    expect(() => checkKeyUse(parameters, { galois: 1, level: 0, special: 1 })).toThrow(/special 1 at level 0/);
    expect(() => checkKeyUse(parameters, { galois: 1, level: 0, special: 2 })).not.toThrow();
  });
});

describe('rows 4 and 15: a sparse secret encrypts nothing but its own encapsulation', () => {
  /** Everything that gives away samples under a secret: they all must pass the same check. */
  const uses: Record<string, (generator: KeyGenerator, secret: SecretKey) => Disposable> = {
    'a public key': (generator) => generator.publicKey(),
    'a relinearisation key': (generator) => generator.relinearisation(),
    'a relinearisation key of level 0': (generator) => generator.relinearisation(0),
    'a rotation key': (generator) => generator.rotation(1, 0),
    'a conjugation key': (generator) => generator.conjugation(1),
    'a key from it to itself': (generator, secret) =>
      generator.switchTo(secret, 1, secret.context.parameters.gadget(1)),
    'an encryption': (_, secret) => {
      using plaintext = new Encoder(secret.context).encode([1]);
      return encryptSymmetric(secret, plaintext).ciphertext;
    },
  };

  /** 128-bit parameters of a few primes: 150 bits at the top, 100 in the encapsulation. */
  const secure = (logN: number) =>
    Parameters.from({
      logN,
      chainBits: logN > 12 ? [50, 50] : [36, 30],
      specialBits: [logN > 12 ? 50 : 36],
      scaleBits: 30,
    });

  it.each([
    [16, ephemeralWeight],
    [16, 1],
    [16, 31],
    [16, 33],
    [16, 2 ** 15],
    [12, ephemeralWeight],
    [12, 1],
    [14, ephemeralWeight],
    [15, ephemeralWeight],
    [15, 192],
  ])('N = 2^%i, weight %i', async (logN, weight) => {
    using context = await Context.create(secure(logN), { threads: 1 });
    expect(context.parameters.insecure).toBe(false);
    using sparse = new SecretKey(context, new Uint8Array(32).fill(5), weight);
    const generator = new KeyGenerator(sparse);
    // Two limbs and a special prime, or one and one: the ephemeral secret bears the latter at N = 2^16.
    const own = logN === 16 && weight === ephemeralWeight;
    const allowed = own ? new Set(['a relinearisation key of level 0', 'a rotation key', 'an encryption']) : new Set();
    for (const [what, use] of Object.entries(uses)) {
      const before = context.kernels.memory().slabs;
      if (allowed.has(what)) use(generator, sparse)[Symbol.dispose]();
      else expect(() => use(generator, sparse), what).toThrow(ParameterError);
      expect(context.kernels.memory().slabs, what).toBe(before);
    }
    using dense = new SecretKey(context, new Uint8Array(32).fill(6));
    const encapsulate = () =>
      new KeyGenerator(dense).switchTo(sparse, 0, context.parameters.gadgetWith(0, 1)!)[Symbol.dispose]();
    if (own) expect(encapsulate).not.toThrow();
    else expect(encapsulate).toThrow(ParameterError);
    // The key back is a sample under the dense secret.
    generator.switchTo(dense, 1, context.parameters.gadget(1))[Symbol.dispose]();
    for (const use of Object.values(uses)) use(new KeyGenerator(dense), dense)[Symbol.dispose]();
  });

  it('the limit is that of the product of the primes, from both sides', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 30, max: 50 }),
        fc.integer({ min: 30, max: 50 }),
        fc.integer({ min: 20, max: 50 }),
        (q, p, more) => {
          const parameters = Parameters.from({ logN: 16, chainBits: [q, more], specialBits: [p], scaleBits: 20 });
          const bits = (basis: number[]) => basis.reduce((sum, i) => sum + Math.log2(parameters.primes[i]!), 0);
          for (const basis of [[0], [0, 2], [0, 1], [0, 1, 2]]) {
            const check = () => checkSecretUse(parameters, ephemeralWeight, basis);
            if (bits(basis) <= 115) expect(check).not.toThrow();
            else expect(check).toThrow(/secure only up to log2\(q0 P\) = 115/);
            expect(() => checkSecretUse(parameters, undefined, basis)).not.toThrow();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('a plan whose ring is too small for the ephemeral secret is refused before any key exists', () => {
    const chain = { chainBits: [40, ...Array<number>(17).fill(28)], specialBits: [40, 40], scaleBits: 28 };
    expect(() => new BootstrapPlan(Parameters.from({ logN: 15, ...chain }))).toThrow(/from N = 2\^16/);
    expect(() => new BootstrapPlan(Parameters.from({ logN: 16, ...chain }))).not.toThrow();
  });

  it('parameters that are insecure anyway allow what tests need', () => {
    using sparse = new SecretKey(lab.context, new Uint8Array(32), 4);
    new KeyGenerator(sparse).galois({ galois: galoisElement(1, literal.logN), level: 5 })[Symbol.dispose]();
  });
});
