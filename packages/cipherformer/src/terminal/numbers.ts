import { InvalidArgumentError } from 'commander';

/** Parses an option: a whole number from 1 on. */
export const positiveInteger = (text: string): number => wholeNumber(text, 1);

/** Parses an option: a seed, a whole number from 0 on. */
export const seedNumber = (text: string): number => wholeNumber(text, 0);

const units: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Parses an option: a size in bytes ("6GiB", "1.5 GiB", "4096"). */
export function byteSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]iB)?$/.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * units[unit ?? '']!);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new InvalidArgumentError('It must be a size in bytes, or with KiB, MiB, GiB or TiB: 6GiB.');
  return bytes;
}

function wholeNumber(text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  return value;
}
