import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { writeBytesDurably } from '@cipherformer/ckks/durable';
import { token as tokenSchema } from './protocol.ts';
import { serviceOf } from './service-address.ts';
import type { TokenStore } from './tokens.ts';

/**
 * The token of a service in a file that its owner alone can read, one for each service.
 * @param folder default: `cipherformer/tokens` in XDG_DATA_HOME or ~/.local/share
 */
export function fileTokens(url: string | URL, folder = tokensFolder()): TokenStore {
  const path = join(folder, createHash('sha256').update(serviceOf(url)).digest('hex').slice(0, 16));
  return {
    get: async () => {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      const parsed = tokenSchema.safeParse(text.trim());
      return parsed.success ? parsed.data : undefined;
    },
    keep: async (token) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const bytes = new TextEncoder().encode(`${token}\n`);
      await writeBytesDurably(path, bytes, { mode: 0o600 });
    },
  };
}

function tokensFolder(): string {
  const { XDG_DATA_HOME: data = '' } = process.env;
  return join(isAbsolute(data) ? data : join(homedir(), '.local/share'), 'cipherformer/tokens');
}
