import type { ErrorCode, ErrorEntry } from '../packages/base/src/error-codes.ts';

/** The page docs/errors.md, of the registry in packages/base/src/error-codes.ts. */
export function errorsPage(errorCodes: Readonly<Record<ErrorCode, ErrorEntry>>): string;
