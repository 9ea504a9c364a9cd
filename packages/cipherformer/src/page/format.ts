import { superscript } from '../plots/superscript.ts';

/** 0.98312 -> "98.31 %" */
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

/** Three significant digits, with a power of ten where zeros would hide them. */
export function short(value: number, digits = 3): string {
  if (value === 0) return '0';
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return minus(value > 0 ? '∞' : '-∞');
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return minus(String(Number(value.toPrecision(digits))));
  const [mantissa, exponent] = value
    .toExponential(digits - 1)
    .split('e')
    .map(Number);
  return minus(`${mantissa} × 10${superscript(exponent!)}`);
}

/** With a sign, also when positive. */
export const signed = (value: number, digits: number): string =>
  minus(`${value > 0 ? '+' : ''}${value.toFixed(digits)}`);

/** "−3.1 … 4.2" */
export const span = (low: number, high: number): string => `${short(low)} … ${short(high)}`;

const minus = (text: string): string => text.replace(/^-/, '−');

/** 8400 -> "8,400" */
export const count = (value: number): string => value.toLocaleString('en-US');
