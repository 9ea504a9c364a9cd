import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyList, Keyset } from '@cipherformer/client';
import type { FaultPoint } from '../src/faults.ts';
import { type ServedProgram, type ServeOptions, serve } from '../src/index.ts';
import { bundleOf } from './bundle.ts';
import type { Orders } from './fixtures/orders.ts';
import { startListening } from './killable.ts';

export const format = 'test-keys/1';
export const plan = hex('a plan');
export const key = hex('a key').slice(0, 32);

export function hex(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

export interface Part {
  readonly sha256: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function part(content: string | Uint8Array): Part {
  const bytes = Uint8Array.from(typeof content === 'string' ? Buffer.from(content) : content);
  return { sha256: hex(bytes), bytes };
}

export const randomParts = (count: number, bytes: number): Part[] =>
  Array.from({ length: count }, () => part(randomBytes(bytes)));

export const listOf = (parts: readonly Part[], changes: Partial<KeyList> = {}): KeyList => ({
  format,
  version: 1,
  plan,
  key,
  parts: parts.map(({ sha256 }) => sha256),
  ...changes,
});

export const request = (orders: Orders): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(orders));

let salt = 0;
/** A request that was not sent before. */
export const fresh = (orders: Orders = {}) => request({ salt: `salt ${salt++}`, ...orders });

/** Fixtures of this folder as files that Node runs. */
export const bundle = (names: readonly string[]) => bundleOf(join(import.meta.dirname, 'fixtures'), names);

/** A folder with a program, and data beside it. */
export function workspace(changes: Partial<ServedProgram> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'service-'));
  const clientFolder = join(folder, 'program', 'client');
  mkdirSync(clientFolder, { recursive: true });
  writeFileSync(join(clientFolder, 'manifest.json'), '{"name":"test"}');
  writeFileSync(join(clientFolder, 'embedding.bin'), randomBytes(100_000));
  writeFileSync(join(folder, 'program', 'model.bin'), 'the model');
  const program: ServedProgram = {
    digest: hex('a program'),
    plan,
    summary: { name: 'test', task: 'image-classification' },
    clientFolder,
    clientFiles: ['manifest.json', 'embedding.bin'],
    folder: join(folder, 'program'),
    ...changes,
  };
  return {
    folder,
    data: join(folder, 'data'),
    program,
    /** Options of a service here. */
    options: (worker: string, changes: Partial<ServeOptions> = {}): ServeOptions => ({
      programs: [program],
      data: join(folder, 'data'),
      spawnWorker: () => fork(worker),
      graceMs: 2000,
      ...changes,
    }),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
export type Workspace = ReturnType<typeof workspace>;

/** What lies in a data folder of an owner: whole files by kind, and what is on its way. */
export function stored(data: string, owner = 'local') {
  const names = (...path: string[]) => (existsSync(join(data, ...path)) ? readdirSync(join(data, ...path)).sort() : []);
  return {
    parts: names('parts', owner),
    requests: names('requests', owner),
    results: names('results', owner),
    incoming: names('incoming'),
  };
}

/** Plain requests, for what a client would never send; with a token, of its owner. */
export function caller(url: string, token?: string) {
  const call = async (path: string, { headers, ...init }: RequestInit = {}) => {
    const own = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(url + path, { ...init, headers: { ...own, ...(headers as Record<string, string>) } });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  const octets = { 'content-type': 'application/octet-stream' };
  return {
    call,
    post: (path: string, body: unknown) =>
      call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    put: (keyset: string, { sha256, bytes }: Part) =>
      call(`/v1/keysets/${keyset}/parts/${sha256}`, { method: 'PUT', headers: octets, body: bytes }),
    submit: (program: string, keyset: string, body: Uint8Array<ArrayBuffer>) =>
      call(`/v1/jobs?program=${program}&keyset=${keyset}`, { method: 'POST', headers: octets, body }),
  };
}
export type Caller = ReturnType<typeof caller>;

/** A key set that is ready. */
export async function readyKeyset(
  api: Caller,
  parts: readonly Part[],
  changes: Partial<KeyList> = {},
): Promise<Keyset> {
  const list = listOf(parts, changes);
  const { id } = (await api.post('/v1/keysets', { plan: list.plan, key: list.key, format })).json as Keyset;
  for (const one of parts) await api.put(id, one);
  await api.post(`/v1/keysets/${id}/commit`, { list });
  return (await until(
    () => api.call(`/v1/keysets/${id}`),
    ({ json }) => json.state !== 'verifying',
  ).then(({ json }) => json)) as Keyset;
}

/** Asks until the answer is as it should be. */
export async function until<T>(ask: () => T | Promise<T>, isSo: (answer: T) => boolean, ms = 15_000): Promise<T> {
  for (const end = Date.now() + ms; ; ) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    if (Date.now() > end) throw new Error(`it stayed ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The service in a process of its own. @param killedAt the step at which it ends by kill -9 */
export const startProcess = (
  files: { path(name: string): string },
  options: Omit<ServeOptions, 'spawnWorker'>,
  killedAt?: FaultPoint,
) =>
  startListening([
    files.path('server'),
    JSON.stringify(options),
    files.path('worker'),
    ...(killedAt ? [killedAt] : []),
  ]);

export { serve };
