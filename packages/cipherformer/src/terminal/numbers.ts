import { InvalidArgumentError } from 'commander';

/** Parses an option: a whole number from 1 on. */
export const positiveInteger = (text: string): number => wholeNumber(text, 1);

/** Parses an option: a seed, a whole number from 0 on. */
export const seedNumber = (text: string): number => wholeNumber(text, 0);

/** Parses an option: a number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a positive number: 0.5, 2, 1e-3.');
}

/** Parses an option: a number from 0 on. */
export function nonNegativeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number from 0 on: 0, 0.8, 1.');
}

/** Parses an option: whole numbers within limits, separated by commas. */
export const wholeNumbers =
  (least: number, most: number) =>
  (list: string): number[] =>
    list.split(',').map((text) => {
      const value = Number(text);
      if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
      throw new InvalidArgumentError(`It must be whole numbers from ${least} to ${most}, separated by commas.`);
    });

/** Parses an option: names of a list, separated by commas. */
export const namesOf =
  <Name extends string>(known: readonly Name[]) =>
  (list: string): Name[] =>
    list.split(',').map((text) => {
      const name = known.find((one) => one === text);
      if (name !== undefined) return name;
      throw new InvalidArgumentError(`It must be of ${known.join(', ')}, separated by commas.`);
    });

/** Parses an option: the number of a port. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('It must be the number of a port, 0 to 65535.');
}

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
