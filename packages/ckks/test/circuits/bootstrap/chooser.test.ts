import { describe, expect, it } from 'vitest';
import { BootstrapPlan, chooseParameters, expectedPrecision, ParameterError, secureLogQP } from '../../../src/index.ts';

describe('the parameter chooser', () => {
  it('gives secure parameters with the wanted levels, scale and slots', () => {
    for (const [levels, scaleBits, slots] of [
      [1, 30, 1],
      [2, 40, 4096],
      [5, 40, 1],
      [12, 40, 2 ** 14],
      [20, 35, 2 ** 15],
    ] as const) {
      const { parameters } = chooseParameters({ levels, scaleBits, slots });
      expect(parameters.insecure).toBe(false);
      expect(parameters.logQP).toBeLessThanOrEqual(secureLogQP(parameters.logN));
      expect(parameters.maxLevel).toBe(levels);
      expect(parameters.scale).toBe(2 ** scaleBits);
      expect(parameters.maxSlots).toBeGreaterThanOrEqual(slots);
    }
  });

  it('takes the smallest ring', () => {
    // q0 40 + 30 and one special prime of 40: 110 > 106, so N = 2^12 is too small; with 28-bit levels it is not.
    expect(chooseParameters({ levels: 1, scaleBits: 30 }).parameters.logN).toBe(13);
    expect(chooseParameters({ levels: 1, scaleBits: 28 }).parameters.logN).toBe(12);
    expect(chooseParameters({ levels: 1, scaleBits: 28, slots: 2 ** 12 }).parameters.logN).toBe(13);
    expect(chooseParameters({ levels: 2, scaleBits: 40 }).parameters.logN).toBe(13);
    expect(chooseParameters({ levels: 3, scaleBits: 40 }).parameters.logN).toBe(14);
  });

  it('turns precision into a scale, larger in larger rings', () => {
    const { literal, precisionBits } = chooseParameters({ levels: 4, precisionBits: 20 });
    expect(precisionBits).toBeGreaterThanOrEqual(20);
    expect(expectedPrecision(literal.logN, literal.scaleBits - 1, 4)).toBeLessThan(20);
    const wide = chooseParameters({ levels: 4, precisionBits: 20, slots: 2 ** 15 });
    expect(wide.literal.scaleBits).toBe(literal.scaleBits + 16 - literal.logN);
  });

  it('plans room for bootstrapping', () => {
    const { parameters, precisionBits } = chooseParameters({
      levels: 12,
      scaleBits: 40,
      slots: 2 ** 15,
      bootstrapping: true,
    });
    expect(parameters.logN).toBe(16);
    expect(parameters.insecure).toBe(false);
    expect(new BootstrapPlan(parameters).levelsLeft).toBe(12);
    expect(precisionBits).toBeGreaterThan(16);
  });

  it.each([
    [
      { levels: 100, scaleBits: 40 },
      /N = 2\^17, allows at most \d+ levels, or a scale of at most 2\^\d+, or bootstrapping/,
    ],
    [{ levels: 80, scaleBits: 40, bootstrapping: true }, /allows at most \d+ levels/],
    [{ levels: 1, scaleBits: 30, slots: 2 ** 17 }, /at most 65536 slots and several ciphertexts/],
    [{ levels: 1, precisionBits: 45 }, /ask for fewer bits \(about \d+ at most/],
    [{ levels: 1, scaleBits: 45 }, /scale of at most 2\^40, or fewer rangeBits/],
    [{ levels: 1, scaleBits: 41, bootstrapping: true }, /scale of at most 2\^40/],
    [{ levels: -1, scaleBits: 40 }, /levels must be a whole number/],
    [{ levels: 1 }, /either precisionBits or scaleBits/],
    [{ levels: 1, scaleBits: 40, slots: 3 }, /power of two/],
  ])('says what to relax: %j', (wanted, message) => {
    expect(() => chooseParameters(wanted)).toThrow(ParameterError);
    expect(() => chooseParameters(wanted)).toThrow(message);
  });

  it('what it says is possible, is', () => {
    const message = (wanted: Parameters<typeof chooseParameters>[0]) => {
      try {
        chooseParameters(wanted);
      } catch (error) {
        return String(error);
      }
      return '';
    };
    const wanted = { levels: 100, scaleBits: 40 };
    const levels = Number(/at most (\d+) levels/.exec(message(wanted))![1]);
    expect(chooseParameters({ ...wanted, levels }).parameters.maxLevel).toBe(levels);
    expect(() => chooseParameters({ ...wanted, levels: levels + 1 })).toThrow(ParameterError);
  });
});
