import { InvalidArgumentError } from 'commander';

/** Parses an option: a whole number from 1 on. */
export const positiveInteger = (text: string): number => wholeNumber(text, 1);

/** Parses an option: a seed, a whole number from 0 on. */
export const seedNumber = (text: string): number => wholeNumber(text, 0);

function wholeNumber(text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  return value;
}
