// Measured noise of whole circuits against its formula, from both sides. Tolerances as in scheme/noise.test.ts, wider
// where errors of one source reach the result along several paths: first-order formulas are good to a few percent there.
import { evaluationPlan } from '@cipherformer/approx';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  DiagonalMatrix,
  LinearTransform,
  linearTransformNoise,
  PolynomialEvaluator,
  polynomialNoise,
  slotsToCoeffsMatrices,
} from '../../src/circuits/index.ts';
import { decryptToPlaintext, encryptSymmetric, NoiseModel, type Slots } from '../../src/scheme/index.ts';
import {
  deviation,
  fixRandomness,
  Laboratory,
  meanSquare,
  randomSlots,
  smallLiteral,
  uniform,
} from '../scheme/support.ts';

let lab: Laboratory;
let model: NoiseModel;
let slots: number;

beforeAll(async () => {
  fixRandomness('circuit noise');
  lab = (
    await Laboratory.create({
      ...smallLiteral,
      chainBits: [50, ...Array<number>(6).fill(40)],
      specialBits: [50, 50, 50],
    })
  ).withKeys();
  model = new NoiseModel(lab.parameters);
  slots = lab.parameters.maxSlots;
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

function encrypted(values: Slots, level: number) {
  using plaintext = lab.encoder.encode(values.real, values.imag, { level, slots: values.real.length });
  return { ct: encryptSymmetric(lab.secret, plaintext).ciphertext, exact: lab.encoder.decode(plaintext) };
}

describe('linear transforms', () => {
  const full = 2 ** 10;
  function random(diagonals: readonly number[], period = full): DiagonalMatrix {
    return new DiagonalMatrix(
      full,
      new Map(
        diagonals.map((d) => {
          const few = randomSlots(period, 100 + d);
          const repeat = (v: Float64Array) => Float64Array.from({ length: full }, (_, i) => v[i % period]!);
          return [d, { real: repeat(few.real), imag: repeat(few.imag) }];
        }),
      ),
    );
  }
  const matrices: [string, () => DiagonalMatrix, number, number | undefined, boolean?][] = [
    ['one diagonal, no rotation', () => random([0]), 4, undefined],
    ['baby steps', () => random([0, 1, 2, 3]), 4, 4],
    ['giant steps', () => random([-8, 0, 8, 16]), 3, 1],
    ['both', () => random([-17, -9, -1, 0, 1, 7, 8, 16, 33]), 4, 8],
    ['few keys, a ladder', () => random(Array.from({ length: 32 }, (_, i) => i)), 4, 8, true],
    ['periodic', () => random([-2, -1, 0, 1, 2], 16), 4, undefined],
    ['slots to coefficients', () => slotsToCoeffsMatrices(full, 3)[1]!, 4, undefined],
  ];

  it.each(matrices)('%s', (_, make, level, babySteps, fewKeys = false) => {
    const matrix = make();
    for (const scale of [undefined, 2 ** 30]) {
      using transform = new LinearTransform(lab.context, matrix, {
        level,
        fewKeys,
        ...(babySteps ? { babySteps } : {}),
        ...(scale ? { scale } : {}),
      });
      const one = new Laboratory(lab.context);
      for (const use of transform.plan.galoisUses(lab.parameters.logN)) one.keys.addGalois(one.generator.galois(use));
      const { ct, exact } = encrypted(randomSlots(full, 7), level);
      using x = ct;
      const y = transform.apply(one.evaluator, x);
      const input = { variance: model.symmetric, power: meanSquare(exact) * x.scale ** 2 };
      const formula = linearTransformNoise(model, transform.plan, matrix, input, transform.scale);
      const expected = matrix.apply(exact);
      const ratio = deviation(lab.decrypt(y), expected) / model.slotDeviation(formula.variance, y.scale);
      expect(ratio).toBeGreaterThan(0.85);
      expect(ratio).toBeLessThan(1.15);
      expect(formula.power / (meanSquare(expected) * y.scale ** 2)).toBeCloseTo(1, 0);
      y[Symbol.dispose]();
      one.keys[Symbol.dispose]();
    }
  });
});

describe('polynomials', () => {
  function clenshaw(c: readonly number[], t: number): number {
    let [b1, b2] = [0, 0];
    for (let j = c.length - 1; j >= 1; j--) [b1, b2] = [2 * t * b1 - b2 + c[j]!, b1];
    return t * b1 - b2 + c[0]!;
  }

  it.each([1, 2, 3, 5, 7, 11, 15, 24, 31])('degree %i', (degree) => {
    const next = uniform(degree);
    const c = Array.from({ length: degree + 1 }, () => next());
    const values = { real: randomSlots(slots, 9).real, imag: new Float64Array(slots) };
    const { ct, exact } = encrypted(values, 6);
    using t = ct;
    using y = new PolynomialEvaluator(lab.evaluator).evaluate(t, c);
    const input = { variance: model.symmetric, level: t.level, scale: t.scale };
    const formula = polynomialNoise(model, evaluationPlan(c), input, [...exact.real]);
    using plaintext = decryptToPlaintext(lab.secret, y);
    const measured = lab.encoder.decode(plaintext);
    const expected = { real: exact.real.map((x) => clenshaw(c, x)), imag: new Float64Array(slots) };
    const ratio = deviation(measured, expected) / model.slotDeviation(formula, y.scale);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.25);
  });
});
