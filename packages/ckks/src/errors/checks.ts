import { isPowerOfTwo } from '@cipherformer/base';
import { type CkksError, ParameterError } from './index.ts';

type ErrorClass = new (message: string) => CkksError;

/** Asks for a whole number from `low` to `high`. @throws Failure with the name, what is allowed and the value */
export function checkWhole(
  name: string,
  value: number,
  low: number,
  high: number,
  Failure: ErrorClass = ParameterError,
): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new Failure(`${name} must be a whole number from ${low} to ${high}, not ${value}`);
}

/** Asks for a power of two up to `most`. @throws Failure as above */
export function checkPowerOfTwo(name: string, value: number, most: number, Failure: ErrorClass = ParameterError): void {
  if (!isPowerOfTwo(value) || value > most)
    throw new Failure(`${name} must be a power of two from 1 to ${most}, not ${value}`);
}
