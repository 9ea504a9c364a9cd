import type { errorCodes, errorMeanings } from '../packages/base/src/index.ts';

/** The page docs/errors.md, of the registry in packages/base/src. */
export function errorsPage(base: {
  readonly errorCodes: typeof errorCodes;
  readonly errorMeanings: typeof errorMeanings;
}): string;
