import { readFile } from 'node:fs/promises';
import { Mutex } from '@cipherformer/base';
import { writeAll, writeDurably } from '@cipherformer/ckks/durable';
import * as z from 'zod/mini';
import type { ProgramMemory } from './programs-seen.ts';
import { digest } from './protocol.ts';
import { serviceOf } from './service-address.ts';

const seen = z.array(z.object({ digest, plan: digest }));
/** By service, then by name. */
const content = z.object({ format: z.literal('cipherformer-programs/1'), services: z.record(z.string(), z.record(z.string(), seen)) }); // biome-ignore format: a line
type Content = z.infer<typeof content>;

const nothing: Content = { format: 'cipherformer-programs/1', services: {} };
const turns = new Mutex();

/**
 * The programs of a service that a secret key was used with, in a file beside it. One that is damaged is begun again, as at a
 * first visit.
 */
export function fileProgramMemory(secretFile: string, url: string | URL): ProgramMemory {
  const path = `${secretFile}.programs`;
  const service = serviceOf(url);
  return {
    get: async (name) => {
      const own = (await read(path)).services[service] ?? {};
      return Object.hasOwn(own, name) ? own[name]! : [];
    },
    keep: (name, programs) =>
      turns.run(async () => {
        const { services, ...rest } = await read(path);
        const own = { ...services[service], [name]: programs };
        const text = JSON.stringify({ ...rest, services: { ...services, [service]: own } });
        const bytes = new TextEncoder().encode(`${text}\n`);
        await writeDurably(path, (file) => writeAll(file, bytes), { mode: 0o600 });
      }),
  };
}

async function read(path: string): Promise<Content> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  try {
    return content.parse(JSON.parse(text));
  } catch {
    return nothing;
  }
}
