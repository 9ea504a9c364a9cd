/** Bytes for a person: "2.31 GiB". */
export const gib = (bytes: number, digits = 2): string => `${(bytes / 2 ** 30).toFixed(digits)} GiB`;

/** A number rounded to so many decimals, without the zeros at its end: "1.5". */
export const decimals = (value: number, digits: number): string => `${Number(value.toFixed(digits))}`;

/** A number of so many significant digits, without the zeros at its end: "1.5", "2.48e+27". */
export const significant = (value: number, digits: number): string => `${Number(value.toPrecision(digits))}`;

/** More digits than any two doubles of the same size need to differ, and as many as a number can be printed with. */
const mostDigits = 100;

/**
 * A number and the limit that it misses, with as many digits as make them differ: "1.00 of 1.00 GiB" would not say why.
 * Both have the same number of digits, and rounding keeps their order. Equal numbers are printed alike.
 * @param print one of the functions above
 * @param digits that both have at least
 */
export function apart(
  value: number,
  limit: number,
  print: (value: number, digits: number) => string,
  digits: number,
): readonly [value: string, limit: string] {
  for (let more = digits; value !== limit && more <= mostDigits; more++) {
    const printed = [print(value, more), print(limit, more)] as const;
    if (printed[0] !== printed[1]) return printed;
  }
  return [print(value, digits), print(limit, digits)];
}
