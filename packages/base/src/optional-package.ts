import { MissingPackageError } from './errors.ts';

export interface OptionalPackage {
  /** As it is imported. */
  readonly name: string;
  /** What needs it, as the beginning of a sentence: "Plots are drawn by vega". */
  readonly purpose: string;
  /** The line that installs it. */
  readonly install: string;
}

/**
 * A package that is large and not always needed, loaded where it is asked for first.
 * @param load imports it
 * @throws MissingPackageError where it is not installed, or does not load on this machine
 */
export async function optionalPackage<T>(
  load: () => Promise<T>,
  { name, purpose, install }: OptionalPackage,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as Error & { code?: unknown };
    const absent = code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`);
    const why = absent ? 'which is not installed' : `which cannot be loaded (${message})`;
    throw new MissingPackageError(`${purpose}, ${why}: ${install}`, { cause, hint: install });
  }
}
