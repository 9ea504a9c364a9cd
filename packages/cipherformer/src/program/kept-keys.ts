import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where `query` keeps secret keys: a folder for each set of parameters, whose programs they all serve. */
export function keysRoot(): string {
  const { XDG_DATA_HOME: data = '' } = process.env;
  return join(isAbsolute(data) ? data : join(homedir(), '.local/share'), 'cipherformer/keys');
}

export const keysFolder = (parametersDigest: string): string => join(keysRoot(), parametersDigest.slice(0, 12));
