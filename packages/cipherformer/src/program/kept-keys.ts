import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { serviceOf } from '@cipherformer/client';
import { type ProgramManifest, parametersOf } from '@cipherformer/runtime/client';

/** A secret key that `query` keeps. */
export interface KeptKey {
  /** What `keys remove` takes: its service, and the beginning of the digest of its parameters. */
  readonly name: string;
  readonly folder: string;
  /** When it was made. */
  readonly made: string;
}

/**
 * Where `query` keeps secret keys: a folder for each service and set of parameters, whose programs they all serve. Services that
 * saw one key could tell that they serve the same person, and learn of it together.
 */
export function keysRoot(): string {
  const { XDG_DATA_HOME: data = '' } = process.env;
  return join(isAbsolute(data) ? data : join(homedir(), '.local/share'), 'cipherformer/keys');
}

/** Where the secret key for a program of a service is kept. */
export function keptSecret(url: string, manifest: ProgramManifest, security: SecurityOptions): string {
  const service = serviceOf(url);
  const readable = service
    .replace(/^\w+:\/\//, '')
    .replace(/[^A-Za-z0-9.-]+/g, '_')
    .slice(0, 64);
  const exact = createHash('sha256').update(service).digest('hex').slice(0, 8);
  return join(keysRoot(), `${readable}-${exact}-${parametersOf(manifest, security).digest.slice(0, 12)}`, 'secret');
}

export async function keptKeys(): Promise<KeptKey[]> {
  const root = keysRoot();
  if (!existsSync(root)) return [];
  const found: KeptKey[] = [];
  for (const name of (await readdir(root)).sort()) {
    const folder = join(root, name);
    const secret = await stat(join(folder, 'secret')).catch(() => undefined);
    if (secret?.isFile()) found.push({ name, folder, made: secret.mtime.toISOString() });
  }
  return found;
}
