import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { maxPartBytes } from '@cipherformer/client/protocol';
import { digestOf, format, plan } from './started.ts';

export const partBytes = maxPartBytes - 4096;

/** Who asks a measured service: an owner with a token, or whoever is on its machine. */
export function asOwner(url: string, token?: string) {
  const own = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const call = async (method: string, path: string, body?: unknown) => {
    const isBytes = body instanceof Uint8Array;
    const type =
      body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' };
    const sent = body === undefined ? {} : { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) };
    const response = await fetch(url + path, { method, headers: { ...own, ...type }, ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered by ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  return {
    call,
    openKeyset: async (name: string): Promise<string> =>
      (await call('POST', '/v1/keysets', { plan, key: digestOf(name).slice(0, 32), format })).id,
    putPart: (keyset: string, bytes: Uint8Array) =>
      call('PUT', `/v1/keysets/${keyset}/parts/${digestOf(bytes)}`, bytes),
  };
}
export type Asker = ReturnType<typeof asOwner>;

/** Sends parts that are not there, some at a time. @returns bytes a second */
export async function upload(owner: Asker, parts: number, atOnce: number): Promise<number> {
  const keyset = await owner.openKeyset(`of an upload ${randomBytes(8).toString('hex')}`);
  // Made and hashed before: the sender is not measured.
  const bodies = Array.from({ length: parts }, () => new Uint8Array(randomBytes(partBytes)));
  const next = bodies.values();
  const from = performance.now();
  const send = async () => {
    for (const body of next) await owner.putPart(keyset, body);
  };
  await Promise.all(Array.from({ length: atOnce }, send));
  const seconds = (performance.now() - from) / 1000;
  await owner.call('DELETE', `/v1/keysets/${keyset}`);
  return (parts * partBytes) / seconds;
}

/** What the disk takes of files of a part's size, each of which is synchronised, some at a time. @returns bytes a second */
export async function diskSpeed(folder: string, files: number, atOnce: number): Promise<number> {
  await mkdir(folder, { recursive: true });
  const bytes = randomBytes(partBytes);
  let next = 0;
  const write = async () => {
    while (next < files) {
      const file = await open(join(folder, `${next++}`), 'w');
      await file.write(bytes);
      await file.sync();
      await file.close();
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: atOnce }, write));
  const seconds = (performance.now() - from) / 1000;
  await rm(folder, { recursive: true });
  return (files * partBytes) / seconds;
}
