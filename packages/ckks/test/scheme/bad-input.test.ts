// Everything a caller can get wrong: a typed error that names the operand, what it has, what it needs, and the fix.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CkksError, KeyError, OperandError, ParameterError } from '../../src/errors/index.ts';
import {
  type Ciphertext,
  Context,
  Encoder,
  Evaluator,
  encryptPublic,
  encryptSymmetric,
  KeyGenerator,
  Parameters,
  type ParametersLiteral,
  type Plaintext,
  SecretKey,
} from '../../src/scheme/index.ts';
import { Laboratory, smallLiteral } from './support.ts';

let lab: Laboratory;
let other: Laboratory;
let x: Ciphertext;
let foreign: Ciphertext;
let p: Plaintext;

beforeAll(async () => {
  lab = (await Laboratory.create()).withKeys([1]);
  other = (await Laboratory.create({ ...smallLiteral, logN: 10 })).withKeys([1]);
  x = lab.encrypt({ real: Float64Array.of(1), imag: new Float64Array(1) });
  foreign = other.encrypt({ real: Float64Array.of(1), imag: new Float64Array(1) });
  p = lab.encoder.encode([1]);
});
afterAll(() => {
  for (const thing of [x, foreign, p, lab, other]) thing[Symbol.dispose]();
});

type ErrorClass = abstract new (message: string) => CkksError;

function expectError(run: () => unknown, kind: ErrorClass, ...patterns: readonly RegExp[]): void {
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  expect(caught, `${run}`).toBeInstanceOf(kind);
  for (const pattern of patterns) expect((caught as Error).message).toMatch(pattern);
}

describe('parameters', () => {
  const with_ = (changes: Partial<ParametersLiteral>) => () =>
    Parameters.from({ ...smallLiteral, ...changes }, { insecure: true });
  it('say which number is wrong and what it may be', () => {
    expectError(with_({ logN: 18 }), ParameterError, /logN/, /4 to 17/, /18/);
    expectError(with_({ logN: 11.5 }), ParameterError, /logN/, /11\.5/);
    expectError(with_({ scaleBits: Number.NaN }), ParameterError, /scaleBits/, /NaN/);
    expectError(with_({ chainBits: [] }), ParameterError, /chainBits is empty/);
    expectError(with_({ specialBits: [] }), ParameterError, /specialBits is empty/);
    expectError(with_({ chainBits: [51] }), ParameterError, /13 to 50/, /51/);
    expectError(with_({ chainBits: [12] }), ParameterError, /13 to 50/, /12/);
    expectError(with_({ specialBits: Array(15).fill(50) }), ParameterError, /at most 14/);
    expectError(with_({ chainBits: [49.5] }), ParameterError, /13 to 50/, /49\.5/);
    expectError(
      with_({ chainBits: Array(100_000).fill(50) }),
      ParameterError,
      /100002 primes are too many/,
      /at most 128/,
    );
    const none = undefined as unknown as number[];
    expectError(with_({ chainBits: none }), ParameterError, /chainBits must be a list of bit lengths, not undefined/);
    expectError(with_({ logN: 16, chainBits: Array(40).fill(18) }), ParameterError, /unused primes/);
  });

  it('a special prime smaller than a prime of the chain is found when keys are made', () => {
    expectError(
      () => Parameters.from({ ...smallLiteral, specialBits: [40] }, { insecure: true }).gadget(0),
      ParameterError,
      /specialBits to 50/,
    );
  });
});

describe('encoding', () => {
  const encode =
    (real: number[], imag?: number[], options = {}) =>
    () =>
      lab.encoder.encode(real, imag, options);
  it('refuses what is not a number, and says where', () => {
    expectError(encode([0, Number.NaN]), OperandError, /real part of slot 1 is NaN/);
    expectError(encode([0], [0, 0, Number.POSITIVE_INFINITY]), OperandError, /imaginary part of slot 2 is Infinity/);
  });

  it('refuses what does not fit the level, and says what would', () => {
    expectError(
      encode([0, 600], undefined, { level: 0 }),
      OperandError,
      /slot 1 is 600/,
      /values below 5\d\d/,
      /higher level/,
    );
    expect(() => encode([500], undefined, { level: 0 })().slab.release()).not.toThrow();
    // Both parts count: 400 + 400i is a coefficient of up to 566.
    expectError(encode([400], [400], { level: 0 }), OperandError, /values below 3\d\d/);
    expectError(encode([1e300]), OperandError, /slot 0 is 1e\+300/);
    // More than the three primes that decoding reads, though the level has more.
    expectError(encode([2 ** 91]), OperandError, /scale the values down/);
  });

  it('the largest values that are accepted come back', () => {
    for (const [level, size] of [
      [0, 511],
      [1, 2 ** 48],
      [5, 2 ** 88],
    ] as const) {
      using plaintext = lab.encoder.encode([size, -size], undefined, { level, slots: 2 });
      const back = lab.encoder.decode(plaintext).real;
      expect(Math.abs(back[0]! / size - 1)).toBeLessThan(2 ** -30);
      expect(Math.abs(back[1]! / size + 1)).toBeLessThan(2 ** -30);
    }
  });

  it('refuses wrong slots, levels and scales', () => {
    expectError(encode([1], undefined, { slots: 3 }), OperandError, /power of two from 1 to 1024, not 3/);
    expectError(encode([1], undefined, { slots: 2048 }), OperandError, /not 2048/);
    expectError(encode([1, 2, 3], undefined, { slots: 2 }), OperandError, /3 values do not fit 2 slots/);
    expectError(encode(Array(1025).fill(0)), OperandError, /1025 values do not fit 1024 slots/);
    for (const level of [6, -1, 1.5, Number.NaN])
      expectError(
        encode([1], undefined, { level }),
        OperandError,
        new RegExp(`level ${level} does not exist`),
        /0 to 5/,
      );
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expectError(encode([1], undefined, { scale }), OperandError, /positive and finite/);
  });
});

describe('operands of another parameter set', () => {
  it('are named, in either place', () => {
    const ev = lab.evaluator;
    using q = other.encoder.encode([1]);
    for (const run of [
      () => ev.add(x, foreign),
      () => ev.add(foreign, x),
      () => ev.subtract(x, q),
      () => ev.multiply(x, foreign),
      () => ev.multiply(foreign, x),
      () => ev.multiplyPlain(x, q),
      () => ev.multiplyPlain(foreign, p),
      () => ev.negate(foreign),
      () => ev.rescale(foreign),
      () => ev.rotate(foreign, 1),
      () => ev.rotate(foreign, 0),
      () => ev.rotateHoisted(foreign, [1]),
      () => ev.conjugate(foreign),
      () => ev.addConstant(foreign, 1),
      () => ev.addTo(foreign, x),
      () => ev.multiplyInteger(foreign, 2n),
      () => ev.multiplyConstant(foreign, 1, 2),
      () => ev.relinearise(foreign),
      () => lab.encoder.decode(q),
      () => lab.decrypt(foreign),
      () => encryptSymmetric(lab.secret, q),
      () => new Evaluator(lab.context, other.keys),
    ]) {
      // biome-ignore format: one of each
      expectError(run, OperandError, /belongs to parameters [0-9a-f]{12}, this is [0-9a-f]{12}: use operands and keys of one/);
    }
    using publicKey = other.generator.publicKey();
    expectError(() => encryptPublic(publicKey, p), OperandError, /the plaintext belongs to/);
    using key = other.generator.rotation(2);
    expectError(() => lab.keys.addGalois(key), OperandError, /the rotation key belongs to/);
  });

  it('equal parameters in another context are the same parameters', async () => {
    using twin = await Context.create(Parameters.from({ ...smallLiteral }, { insecure: true }), {
      threads: 1,
      insecure: true,
    });
    expect(twin.parameters.digest).toBe(lab.parameters.digest);
    using q = new Encoder(twin).encode([1]);
    if (twin.kernels === lab.context.kernels) lab.evaluator.add(x, q)[Symbol.dispose]();
    else expectError(() => lab.evaluator.add(x, q), OperandError, /another kernel instance/);
  });
});

describe('operands that do not fit', () => {
  it('scales', () => {
    using q = lab.encoder.encode([1], undefined, { scale: 2 ** 30 });
    expectError(() => lab.evaluator.add(x, q), OperandError, /add/, /2\^40 and 2\^30:/, /encode the plaintext at/);
    using square = lab.evaluator.multiply(x, x);
    expectError(() => lab.evaluator.subtract(x, square), OperandError, /subtract operands of scale/);
    using raw = lab.evaluator.multiplyRaw(x, x);
    expectError(() => lab.evaluator.multiplyRawTo(raw, square, x), OperandError, /accumulate a product of scale/);
  });

  it('levels', () => {
    using low = x.copy().dropTo(0);
    expectError(() => lab.evaluator.rescale(low), OperandError, /rescale at level 0/, /bootstrap/);
    expectError(() => low.dropTo(3), OperandError, /from level 0 to 3/, /bootstrap/);
    for (const level of [-1, 0.5, Number.NaN])
      expectError(() => low.dropTo(level), OperandError, new RegExp(`level ${level} does not exist`));
    expect(low.level).toBe(0);
    // A product at level 0 would wrap around the modulus: 80 bits against 50.
    expectError(
      () => lab.evaluator.multiply(low, low),
      OperandError,
      /scale 2\^80\.0/,
      /50\.0 bits, level 0/,
      /higher level/,
    );
    expectError(() => lab.evaluator.multiplyPlain(low, p), OperandError, /scale 2\^80\.0/);
    expectError(() => lab.evaluator.multiplyConstant(low, 1, 2 ** 40), OperandError, /scale 2\^80\.0/);
    expectError(() => lab.evaluator.addConstant(low, 1000), OperandError, /the constant 1000/);
    expectError(() => lab.evaluator.addConstant(x, Number.NaN), OperandError, /NaN/);
  });

  it('slots', () => {
    using few = lab.encrypt({ real: new Float64Array(4), imag: new Float64Array(4) }, { slots: 4 });
    for (const run of [() => lab.evaluator.add(x, few), () => lab.evaluator.multiply(few, x)])
      expectError(run, OperandError, /1024/, /4/, /slots/);
    expectError(() => lab.evaluator.multiplyPlain(few, p), OperandError, /4 and 1024 slots/);
    // A plaintext of fewer slots repeats: that is meant.
    using one = lab.encoder.encode([2], undefined, { slots: 1 });
    lab.evaluator.multiplyPlain(few, one)[Symbol.dispose]();
  });

  it('parts', () => {
    using raw = lab.evaluator.multiplyRaw(x, x);
    for (const run of [
      () => lab.evaluator.multiply(raw, x),
      () => lab.evaluator.rotate(raw, 1),
      () => lab.evaluator.rotate(raw, 0),
      () => lab.evaluator.rotateHoisted(raw, [1]),
      () => lab.evaluator.conjugate(raw),
    ])
      expectError(run, OperandError, /two parts/, /relinearise/);
    expectError(() => lab.evaluator.relinearise(x), OperandError, /already has two parts/);
    using low = x.copy();
    expectError(() => lab.evaluator.multiplyRawTo(low, x, x), OperandError, /three parts|accumulate/);
  });

  it('steps', () => {
    for (const steps of [0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expectError(() => lab.evaluator.rotate(x, steps), OperandError, /whole number of steps/);
  });
});

describe('keys', () => {
  it('that are missing: which, at which level, and how to make them', () => {
    const fix = /generate it with KeyGenerator\.\w+ at level \d( or above)? and add it to the evaluation keys/;
    expectError(() => lab.evaluator.rotate(x, 7), KeyError, /missing key for a rotation by 7 at level 5/, fix);
    expectError(() => lab.evaluator.rotateHoisted(x, [1, 7]), KeyError, /rotation by 7/, fix);
    expectError(() => lab.evaluator.conjugate(x), KeyError, /conjugation at level 5/, fix);
    const bare = new Evaluator(lab.context);
    expectError(() => bare.rotate(x, 1), KeyError, /no evaluation keys/, /a rotation by 1/, /constructor/);
    expectError(() => bare.multiply(x, x), KeyError, /no evaluation keys/, /relinearisation/);
  });

  it('for levels that do not exist', () => {
    for (const level of [6, 7, -1, 0.5]) {
      expectError(
        () => lab.generator.relinearisation(level),
        OperandError,
        new RegExp(`level ${level} does not exist`),
      );
      expectError(() => lab.generator.rotation(1, level), OperandError, /does not exist/);
    }
  });

  it('of the wrong length, or disposed of', () => {
    expectError(() => new SecretKey(lab.context, new Uint8Array(16)), KeyError, /32 bytes, not 16/);
    const gone = new SecretKey(lab.context, new Uint8Array(32));
    gone[Symbol.dispose]();
    const before = lab.context.kernels.memory().slabs;
    expectError(() => encryptSymmetric(gone, p), KeyError, /disposed of/);
    expectError(() => new KeyGenerator(gone).publicKey(), KeyError, /disposed of/);
    expect(lab.context.kernels.memory().slabs).toBe(before);
  });
});

it('ciphertexts and plaintexts that were disposed of are named', () => {
  const gone = x.copy();
  gone[Symbol.dispose]();
  gone[Symbol.dispose]();
  const spent = lab.encoder.encode([1]);
  spent[Symbol.dispose]();
  const disposed = /was disposed of: keep it until its last use/;
  for (const run of [
    () => lab.evaluator.add(x, gone),
    () => lab.evaluator.add(gone, x),
    () => lab.evaluator.multiply(gone, x),
    () => lab.evaluator.rotate(gone, 1),
    () => lab.evaluator.rescale(gone),
    () => lab.evaluator.multiplyPlain(x, spent),
    () => lab.evaluator.addConstant(gone, 1),
  ]) {
    // biome-ignore format: one of each
    expectError(run, OperandError, disposed);
  }
  for (const run of [() => gone.copy(), () => lab.decrypt(gone), () => lab.encoder.decode(spent)])
    expectError(run, CkksError, /disposed of|released/);
});

it('a failed operation leaves no memory behind', () => {
  const before = lab.context.kernels.memory().slabs;
  for (const run of [
    () => lab.encoder.encode([Number.NaN]),
    () => lab.evaluator.add(x, foreign),
    () => lab.evaluator.multiply(x, foreign),
    () => lab.evaluator.addConstant(x, Number.NaN),
    () => lab.evaluator.multiplyConstant(x, Number.NaN, 2),
    () => lab.evaluator.rotateHoisted(x, [1, 7]),
    () => new SecretKey(lab.context, new Uint8Array(3)),
    () => lab.generator.rotation(1, 9),
    () => lab.generator.relinearisation(9),
    () => encryptSymmetric(other.secret, p),
  ])
    expectError(run, CkksError);
  expect(lab.context.kernels.memory().slabs).toBe(before);
});
