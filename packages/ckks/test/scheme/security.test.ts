// What must never happen: weak parameters without a word, a secret that shows, or one that stays behind in memory.
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootstrapPlan, generateBootstrapKeys } from '../../src/circuits/index.ts';
import { CkksError, KeyError, ParameterError } from '../../src/errors/index.ts';
import type { Kernels } from '../../src/kernels/index.ts';
import {
  Context,
  checkEphemeralBasis,
  encryptSymmetric,
  ephemeralWeight,
  KeyGenerator,
  Parameters,
  type ParametersLiteral,
  SecretKey,
  secureLogQP,
  smallestSecureLogN,
} from '../../src/scheme/index.ts';
import { Laboratory, smallLiteral } from './support.ts';

/** A chain of 30-bit primes with log2(QP) = 30 * count. */
function literal(logN: number, count: number): ParametersLiteral {
  return { logN, chainBits: Array<number>(count - 1).fill(30), specialBits: [30], scaleBits: 20 };
}

describe('128-bit security', () => {
  it.each([
    [12, 3],
    [13, 7],
    [14, 14],
    [15, 28],
    [16, 58],
  ])('N = 2^%i takes %i primes of 30 bits, and one more is refused', (logN, count) => {
    const parameters = Parameters.from(literal(logN, count));
    expect(parameters.insecure).toBe(false);
    expect(parameters.security).toMatch(/^128-bit/);
    expect(parameters.logQP).toBeLessThanOrEqual(secureLogQP(logN));
    expect(() => Parameters.from(literal(logN, count + 1))).toThrow(ParameterError);
    expect(() => Parameters.from(literal(logN, count + 1))).toThrow(
      new RegExp(`below 128-bit security .*(use fewer or smaller primes, or logN ${logN + 1})`),
    );
  });

  it('rings below N = 2^12 are refused whatever the modulus', () => {
    expect(() => Parameters.from({ logN: 11, chainBits: [20], specialBits: [20], scaleBits: 15 })).toThrow(
      /below 128-bit/,
    );
  });

  it('row 10: the argument { insecure: true } accepts them, and every description says so', () => {
    const weak = Parameters.from(literal(12, 4), { insecure: true });
    expect(weak.insecure).toBe(true);
    expect(weak.security).toMatch(/INSECURE/);
  });

  it.each([true, 1, 'true', 'false'])(
    'row 10: a literal that says insecure: %j is refused all the same',
    (insecure) => {
      expect(() => Parameters.from({ ...literal(12, 4), insecure } as ParametersLiteral)).toThrow(/below 128-bit/);
    },
  );

  it.each(['true', 'false', 1, {}, null])('row 10: nothing but true accepts them, not %j', (value) => {
    expect(() => Parameters.from(literal(12, 4), { insecure: value as unknown as boolean })).toThrow(/below 128-bit/);
  });

  it('row 10: a context wants the argument again, whoever made the parameters', async () => {
    const weak = Parameters.from(literal(12, 4), { insecure: true });
    await expect(Context.create(weak, { threads: 1 })).rejects.toThrow(ParameterError);
    expect(() => new Context(weak, {} as Kernels)).toThrow(/below 128-bit/);
    using context = await Context.create(weak, { threads: 1, insecure: true });
    expect(context.parameters).toBe(weak);
  });

  it('the argument does not make secure parameters insecure, and literals cannot be changed afterwards', () => {
    const parameters = Parameters.from(literal(12, 3), { insecure: true });
    expect(parameters.insecure).toBe(false);
    expect(parameters.security).toMatch(/^128-bit/);
    expect(Object.isFrozen(parameters) && Object.isFrozen(parameters.literal)).toBe(true);
    expect(() => (parameters.literal.chainBits as number[]).push(30)).toThrow(TypeError);
    expect(() => Object.assign(parameters, { insecure: true })).toThrow(TypeError);
  });

  it('the table grows with N and names the smallest ring', () => {
    const limits = [12, 13, 14, 15, 16, 17].map(secureLogQP);
    expect(limits).toEqual([106, 214, 430, 868, 1747, 3523]);
    expect(smallestSecureLogN(1747)).toBe(16);
    expect(smallestSecureLogN(1747.1)).toBe(17);
    expect(smallestSecureLogN(4000)).toBeUndefined();
  });
});

describe('the sparse ephemeral secret', () => {
  it('lives under q0 and one special prime, at most 115 bits, from N = 2^16', () => {
    expect(() => checkEphemeralBasis(16, 100)).not.toThrow();
    expect(() => checkEphemeralBasis(16, 115)).not.toThrow();
    expect(() => checkEphemeralBasis(16, 115.5)).toThrow(ParameterError);
    expect(() => checkEphemeralBasis(15, 100)).toThrow(ParameterError);
  });

  it('key generation refuses to put it under the full P', async () => {
    // The levels of a bootstrap in small primes: a secure set, where key generation must check.
    const parameters = Parameters.from({
      logN: 16,
      chainBits: [40, ...Array<number>(17).fill(28)],
      specialBits: Array<number>(4).fill(40),
      scaleBits: 28,
    });
    expect(parameters.insecure).toBe(false);
    using context = await Context.create(parameters, { threads: 1 });
    using secret = new SecretKey(context, new Uint8Array(32));
    const plan = new BootstrapPlan(parameters);
    expect(plan.encapsulation).toEqual({ special: 1, digitSizes: [1] });
    const full = Object.assign(Object.create(plan), { encapsulation: { special: 4, digitSizes: [1] } });
    expect(() => new KeyGenerator(secret).switchTo(secret, 0, plan.encapsulation)[Symbol.dispose]()).not.toThrow();
    const before = context.kernels.memory().bytes;
    expect(() => generateBootstrapKeys(secret, full)).toThrow(ParameterError);
    expect(() => generateBootstrapKeys(secret, full)).toThrow(/one special prime only/);
    expect(context.kernels.memory().bytes).toBe(before);
    // Nor does it through the generator alone, or at a higher level.
    using sparse = new SecretKey(context, new Uint8Array(32).fill(1), ephemeralWeight);
    const generator = new KeyGenerator(secret);
    expect(() => generator.switchTo(sparse, 0, full.encapsulation)).toThrow(/one special prime only/);
    expect(() => generator.switchTo(sparse, 17, parameters.gadget(17))).toThrow(ParameterError);
  });
});

describe('a secret key', () => {
  // A seed that is easy to find wherever it leaks: as text, as bytes, as numbers.
  const seed = new Uint8Array(32).map((_, i) => 0xa0 + i);
  const traces = [/160,\s*161,\s*162/, /a0\s?a1\s?a2/i, /a0a1a2/i, /oKGio6Sl/];
  let context: Context;
  let secret: SecretKey;

  beforeAll(async () => {
    context = await Context.create(Parameters.from(smallLiteral, { insecure: true }), { threads: 1, insecure: true });
    secret = new SecretKey(context, seed);
  });
  afterAll(() => context[Symbol.dispose]());

  function expectNoTrace(text: string): void {
    for (const trace of traces) expect(text).not.toMatch(trace);
  }

  it('cannot become JSON, alone or inside something', () => {
    expect(() => JSON.stringify(secret)).toThrow(CkksError);
    expect(() => JSON.stringify({ deep: [{ secret }] })).toThrow(/cannot become JSON/);
  });

  it('shows nothing of itself when printed', () => {
    const holder = { deep: { deeper: [secret] } };
    const texts = [
      String(secret),
      `${secret}`,
      inspect(secret, { depth: null, showHidden: true }),
      inspect(secret, { depth: null, showHidden: true, customInspect: false }),
      inspect(holder, { depth: null, showHidden: true, getters: true }),
      inspect(new Map([[secret, 1]]), { depth: null }),
      Object.entries(secret).map(String).join(),
    ];
    texts.forEach(expectNoTrace);
    expect(texts[0]).toBe('[secret key]');
    expect(texts[2]).toBe('[secret key]');
  });

  it('does not travel through structuredClone', () => {
    let clone: unknown;
    try {
      clone = structuredClone(secret);
    } catch {
      return; // refusing is as good
    }
    expect(clone).not.toBeInstanceOf(SecretKey);
    expectNoTrace(inspect(clone, { depth: null, showHidden: true }));
  });

  it('is not in the errors that its use raises', () => {
    for (const provoke of [
      () => new SecretKey(context, seed.subarray(1)),
      () => JSON.stringify(secret),
      () => {
        using gone = new SecretKey(context, seed);
        gone[Symbol.dispose]();
        gone.limb();
      },
    ]) {
      const error = (() => {
        try {
          return provoke();
        } catch (caught) {
          return caught;
        }
      })();
      expect(error).toBeInstanceOf(CkksError);
      expectNoTrace(inspect(error, { depth: null, showHidden: true }));
    }
  });

  it('exports a copy of its seed, and gives the same key from it', () => {
    const copy = secret.exportBytes();
    expect(copy).toEqual(seed);
    copy.fill(0);
    expect(secret.exportBytes()).toEqual(seed);
    using again = new SecretKey(context, secret.exportBytes());
    const words = (key: SecretKey) => context.kernels.view(key.limb(), 8 * context.ring.n).slice();
    expect(words(again)).toEqual(words(secret));
  });

  it('is erased when it is disposed of', () => {
    const other = new SecretKey(context, seed);
    const bytes = 8 * context.ring.n * context.ring.primes.length;
    const memory = context.kernels.view(other.limb(), bytes);
    expect(memory.some((byte) => byte !== 0)).toBe(true);
    other[Symbol.dispose]();
    // Released memory is kept for reuse, so that the view still reads it.
    expect(memory.every((byte) => byte === 0)).toBe(true);
    expect(() => other.limb()).toThrow(KeyError);
    expect(() => other.exportBytes()).toThrow(KeyError);
  });
});

it('nothing that encryption and key generation leave behind in released memory reveals the secret', async () => {
  using lab = await Laboratory.create();
  const { context } = lab;
  const words = context.ring.n;
  const limb = new BigUint64Array(context.kernels.view(lab.secret.limb(), 8 * words).slice().buffer);
  // Every slab that is released from here on is read at that moment.
  const released: BigUint64Array[] = [];
  const release = context.kernels.release.bind(context.kernels);
  context.kernels.release = (address, bytes) => {
    // Released memory is kept for reuse, so that the view still reads it.
    const memory = context.kernels.view(address, bytes);
    release(address, bytes);
    released.push(new BigUint64Array(memory.slice().buffer));
  };
  using plaintext = lab.encoder.encode([1]);
  using ct = encryptSymmetric(lab.secret, plaintext).ciphertext;
  using publicKey = lab.generator.publicKey();
  using relinearisation = lab.generator.relinearisation();
  using rotation = lab.generator.rotation(1);
  expect(released.length).toBeGreaterThan(5);
  // a s over a (first limb) is s: none of the released slabs may be that quotient's numerator, or s itself.
  const p = BigInt(context.ring.primes[0]!);
  const product = (address: number) => {
    const a = new BigUint64Array(context.kernels.view(address, 8 * words).slice().buffer);
    return a.map((x, i) => (x * limb[i]!) % p);
  };
  const forbidden = [limb, product(ct.part(1)), product(publicKey.slab.address(publicKey.limbs * words))];
  for (const slab of released)
    for (const secretWords of forbidden) {
      for (let at = 0; at + words <= slab.length; at += words)
        expect(slab.subarray(at, at + 8)).not.toEqual(secretWords.subarray(0, 8));
    }
  expect([relinearisation, rotation].every((key) => key.bytes > 0)).toBe(true);
});
