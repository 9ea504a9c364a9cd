// The same levelled circuit here and in Microsoft SEAL (node-seal), an independent implementation: equal N, scale and
// bits of primes, both at 128-bit security; (x y + rotate(x, 3) c)^2 with one relinearisation a product.
import { createRequire } from 'node:module';
import type { SEALLibrary } from 'node-seal/implementation/seal.js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { encryptPublic, NoiseModel, type NoisyValue } from '../../src/scheme/index.ts';
import { fixRandomness, Laboratory, uniform } from './support.ts';

// A CommonJS module whose types say otherwise.
const loadSeal = createRequire(import.meta.url)('node-seal') as () => Promise<SEALLibrary>;

const logN = 13;
const slots = 2 ** (logN - 1);
const chainBits = [45, 40, 40];
const specialBits = [50];
const scale = 2 ** 40;
const steps = 3;

const next = uniform(1);
const [x, y, c] = [1, 2, 3].map(() => Float64Array.from({ length: slots }, next)) as [
  Float64Array,
  Float64Array,
  Float64Array,
];
const exact = x.map((v, i) => (v * y[i]! + x[(i + steps) % slots]! * c[i]!) ** 2);

let ours: Float64Array;
let theirs: Float64Array;
let finalScale: number;
let lab: Laboratory;

beforeAll(async () => {
  fixRandomness('seal');
  lab = (await Laboratory.create({ logN, chainBits, specialBits, scaleBits: 40 })).withKeys([steps]);
  ours = runHere();
  theirs = await runInSeal();
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

function runHere(): Float64Array {
  const { encoder, evaluator: ev, generator } = lab;
  using key = generator.publicKey();
  const encrypt = (values: Float64Array) => {
    using plaintext = encoder.encode(values);
    return encryptPublic(key, plaintext);
  };
  using cx = encrypt(x);
  using cy = encrypt(y);
  using pc = encoder.encode(c);
  using product = ev.multiply(cx, cy);
  using moved = ev.rotate(cx, steps);
  using weighted = ev.multiplyPlain(moved, pc);
  using rescaled = ev.rescale(weighted);
  using sum = ev.add(product, rescaled);
  const result = ev.multiply(sum, sum);
  expect(result.level).toBe(0);
  finalScale = result.scale;
  return lab.open(result).real;
}

async function runInSeal(): Promise<Float64Array> {
  const seal = await loadSeal();
  const parms = seal.EncryptionParameters(seal.SchemeType.ckks);
  parms.setPolyModulusDegree(2 ** logN);
  parms.setCoeffModulus(seal.CoeffModulus.Create(2 ** logN, Int32Array.from([...chainBits, ...specialBits])));
  const context = seal.Context(parms, true, seal.SecurityLevel.tc128);
  const generator = seal.KeyGenerator(context);
  const relinearisation = generator.createRelinKeys();
  const galois = generator.createGaloisKeys(Int32Array.from([steps]));
  const encoder = seal.CKKSEncoder(context);
  const encryptor = seal.Encryptor(context, generator.createPublicKey());
  const evaluator = seal.Evaluator(context);
  const encode = (values: Float64Array) => {
    const plaintext = seal.PlainText();
    encoder.encode(values, scale, plaintext);
    return plaintext;
  };
  const encrypt = (values: Float64Array) => {
    const ciphertext = seal.CipherText();
    encryptor.encrypt(encode(values), ciphertext);
    return ciphertext;
  };
  const cx = encrypt(x);
  const cy = encrypt(y);
  const product = seal.CipherText();
  evaluator.multiply(cx, cy, product);
  evaluator.relinearize(product, relinearisation, product);
  evaluator.rescaleToNext(product, product);
  const moved = seal.CipherText();
  evaluator.rotateVector(cx, steps, galois, moved);
  evaluator.multiplyPlain(moved, encode(c), moved);
  evaluator.rescaleToNext(moved, moved);
  const sum = seal.CipherText();
  evaluator.add(product, moved, sum);
  evaluator.square(sum, sum);
  evaluator.relinearize(sum, relinearisation, sum);
  evaluator.rescaleToNext(sum, sum);
  const plaintext = seal.PlainText();
  seal.Decryptor(context, generator.secretKey()).decrypt(sum, plaintext);
  return encoder.decode(plaintext);
}

function rms(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0) / a.length);
}

function largest(a: Float64Array, b: Float64Array): number {
  return a.reduce((max, v, i) => Math.max(max, Math.abs(v - b[i]!)), 0);
}

/** The formula's deviation of the circuit's result. */
function predicted(): number {
  const model = new NoiseModel(lab.parameters);
  const meanSquare = (v: Float64Array) => v.reduce((sum, u) => sum + u * u, 0) / v.length;
  const fresh = (v: Float64Array): NoisyValue => ({
    variance: model.sum(model.public, model.encoding),
    power: meanSquare(v) * scale ** 2,
  });
  const product = model.relineariseRescale(model.product(fresh(x), fresh(y)), 2);
  const moved = { ...fresh(x), variance: model.keySwitch(fresh(x).variance, 2) };
  const weighted = model.rescale(model.plainProduct(moved, meanSquare(c) * scale ** 2), 2);
  const sumScale = scale ** 2 / lab.parameters.primeAt(2);
  // The two factors of a square share their noise: 2 s e.
  const square = 4 * meanSquare(exact.map(Math.sqrt)) * sumScale ** 2 * model.sum(product, weighted);
  return model.slotDeviation(model.relineariseRescale(square, 1), finalScale);
}

it('decodes to the same values within the noise formula', () => {
  const sigma = predicted();
  // A slot's error is 2 s e, s at most four times its root mean square, e Gaussian: 30 sigma stand for 7.5 deviates at the
  // largest s, which 4096 slots exceed with a probability below 1e-9.
  const bound = 30 * sigma;
  expect(largest(ours, exact)).toBeLessThan(bound);
  expect(largest(theirs, exact)).toBeLessThan(bound);
  expect(largest(ours, theirs)).toBeLessThan(bound * Math.SQRT2);
});

it('our error is the formula’s, from both sides', () => {
  const ratio = rms(ours, exact) / predicted();
  expect(ratio).toBeGreaterThan(0.85);
  expect(ratio).toBeLessThan(1.15);
});

it('SEAL’s error is within a factor of two of ours either way', () => {
  const ratio = rms(theirs, exact) / rms(ours, exact);
  expect(ratio).toBeGreaterThan(1 / 2);
  expect(ratio).toBeLessThan(2);
});
