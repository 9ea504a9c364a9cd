import { describe, expect, it } from 'vitest';
import { compositeSign, oddSign, remez, toTarget } from '../../src/index.ts';

const absolute = (degree: number) => remez({ fn: toTarget('abs'), domain: [[-1, 1]], degree }).referenceError;

describe('published minimax errors', () => {
  it('exp, degree 1: the closed form of the textbooks', () => {
    // The best line has slope m = sinh 1, and levelling at -1, log m and 1 gives (cosh 1 - m + m log m) / 2.
    const m = Math.sinh(1);
    const { referenceError } = remez({ fn: toTarget('exp'), domain: [[-1, 1]], degree: 1 });
    expect(referenceError).toBeCloseTo((Math.cosh(1) - m + m * Math.log(m)) / 2, 14);
  });

  it('|x|: 1/8 at degree 2, and 2n E_2n tends to the Bernstein constant 0.28016949902 (Varga & Carpenter 1987)', () => {
    expect(absolute(2)).toBeCloseTo(1 / 8, 14);
    // 2n E_2n = beta + a / n^2 + b / n^4 + ... (their conjectured expansion): Richardson's table on n = 4, 8, 16, 32, 64.
    let row = [4, 8, 16, 32, 64].map((n) => 2 * n * absolute(2 * n));
    for (let k = 1; row.length > 1; k++) {
      const factor = 4 ** k;
      row = row.slice(1).map((value, i) => (factor * value - row[i]!) / (factor - 1));
    }
    expect(row[0]!.toFixed(11)).toBe('0.28016949902');
  });

  it('monic Chebyshev polynomials: x^n by degree n - 1 has error 2^(1-n)', () => {
    for (const n of [2, 3, 5, 8, 13, 20]) {
      const { referenceError } = remez({ fn: toTarget(`x^${n}`), domain: [[-1, 1]], degree: n - 1 });
      expect(referenceError / 2 ** (1 - n)).toBeCloseTo(1, 9);
    }
  });

  it('1/(x - a): the closed form that Chebyshev gave', () => {
    // Best error of degree n on [-1, 1] for 1/(a - x): (a - sqrt(a^2 - 1))^n / (a^2 - 1).
    for (const [a, n] of [
      [2, 4],
      [1.25, 9],
      [1.1, 20],
    ] as const) {
      const { referenceError } = remez({ fn: toTarget(`1/(${a}-x)`), domain: [[-1, 1]], degree: n });
      expect(referenceError / ((a - Math.sqrt(a * a - 1)) ** n / (a * a - 1))).toBeCloseTo(1, 8);
    }
  });

  it('exp below the reach of doubles, in double-double: E_n(exp) on [-1, 1] ~ 2^-n / (n+1)!', () => {
    for (const degree of [14, 18]) {
      const { referenceError } = remez(
        { fn: toTarget('exp'), domain: [[-1, 1]], degree },
        { precision: 'double-double' },
      );
      let asymptotic = 2 ** -degree;
      for (let j = 2; j <= degree + 1; j++) asymptotic /= j;
      expect(Math.abs(referenceError / asymptotic - 1)).toBeLessThan(1 / (2 * degree));
    }
  });
});

describe('published sign compositions', () => {
  // Lattigo v6, circuits/ckks/comparison, DefaultCompositePolynomialForSign: gap 2^-30, scheme error 2^-35, degrees below,
  // "a minimax composite polynomial of precision 21.926741"; the method of Lee et al. (ePrint 2020/834) at 256 bits.
  const degrees = [15, 15, 15, 17, 31, 31, 31, 31];
  const composite = compositeSign(2 ** -30, degrees, 2 ** -35, 0);

  it('reaches the printed precision of 21.926741 bits', () => {
    expect((-Math.log2(composite.error)).toFixed(6)).toBe('21.926741');
  });

  it('has the printed coefficients', () => {
    const printed = [
      [0.6371462957672043, -0.2138032460610765, 0.1300439303835664, -0.0948842756566191],
      [0.6371463830322415, -0.2138032749880403, 0.1300439475440832, -0.0948842877009571],
      [0.6371474873319409, -0.2138036410457106, 0.1300441647026617, -0.0948844401165889],
      [0.6370469776996076, -0.21345267797266, 0.1294300181775239, -0.0939692999460325],
      [0.6371925153898375, -0.2127272333844484, 0.1280350175397897, -0.0918861831051025],
    ];
    printed.forEach((row, stage) => {
      const { coefficients } = composite.stages[stage]!.polynomial;
      // The range each stage passes on is known to about 1e-16 / gap after the first, which is what the digits lose.
      row.forEach((c, i) => {
        expect(Math.abs(coefficients[2 * i + 1]! - c)).toBeLessThan(1e-11);
      });
    });
    expect(composite.stages[7]!.polynomial.coefficients[1]).toBeCloseTo(1.2654405107, 6);
  });

  it('reproduces {15, 15, 27} for alpha = 13 (Lee et al., ePrint 2105.10879, as distributed with their FHE-MP-CNN)', () => {
    // Monomial coefficients of the first stage; the gap is not printed. Recovered from the first of them it is 2^-9.
    const printed = [
      24.55894154250046, -669.660449716894, 6672.998483013315, -30603.665616389873, 73188.40329877878,
      -94443.32170500845, 62325.40942125468, -16494.6744117806,
    ];
    const gap = 2 ** -9;
    const { coefficients } = oddSign(gap, 15).polynomial.toMonomial();
    printed.forEach((c, i) => {
      expect(Math.abs(coefficients[2 * i + 1]! / c - 1)).toBeLessThan(1e-11);
    });
    // The second stage, back in the units of its unscaled input, agrees as far as their ranges were searched (1e-5).
    const { stages, error } = compositeSign(gap, [15, 15, 27], 0, 0);
    const reach = (stage: number) => 1 + stages[stage]!.referenceError;
    const second = stages[1]!.polynomial.transform(reach(1)).toMonomial().coefficients;
    [9.356256360354397, -59.16389639336264, 148.8609306264484, -175.81287487858293].forEach((c, i) => {
      expect(Math.abs(second[2 * i + 1]! / reach(0) ** (2 * i + 1) / c - 1)).toBeLessThan(1e-5);
    });
    expect(error / 2).toBeLessThan(2 ** -13);
  });

  it('its cubic, quintic and septic basins: f_1, f_2, f_3 of Cheon et al. (ePrint 2019/1234) are the limits at gap 1', () => {
    // As the gap closes the best odd polynomial tends to the one that is flat at 1: (3x - x^3)/2, (35x - 35x^3 + 21x^5 - 5x^7)/16.
    const { polynomial: cubic } = oddSign(0.999, 3);
    expect(cubic.toMonomial().coefficients[1]).toBeCloseTo(1.5, 2);
    expect(cubic.toMonomial().coefficients[3]).toBeCloseTo(-0.5, 2);
    const septic = oddSign(0.97, 7).polynomial.toMonomial().coefficients;
    [35 / 16, -35 / 16, 21 / 16, -5 / 16].forEach((c, i) => {
      expect(septic[2 * i + 1]! / c).toBeCloseTo(1, 0);
    });
  });
});
