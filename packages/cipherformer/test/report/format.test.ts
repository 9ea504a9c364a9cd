import { expect, it } from 'vitest';
import { short } from '../../src/page/format.ts';

it('short says what is no number of three digits', () => {
  const shown = [0, 1.23456, -4e-7, 5.5e21, 9.9996e-5, Infinity, -Infinity, NaN].map((value) => short(value));
  expect(shown).toEqual(['0', '1.23', '−4 × 10⁻⁷', '5.5 × 10²¹', '1 × 10⁻⁴', '∞', '−∞', '–']);
});
