import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError, TransportError } from '../../packages/client/src/errors.ts';
import { readEvents } from '../../packages/client/src/event-stream.ts';
import { Http, parseJson } from '../../packages/client/src/http.ts';
import * as protocol from '../../packages/client/src/protocol.ts';
import { makeApp } from '../../packages/service/src/http/app.ts';
import { limitsSchema } from '../../packages/service/src/limits.ts';
import { LocalBackend } from '../../packages/service/src/local.ts';
import { Problem } from '../../packages/service/src/problem.ts';
import { Programs } from '../../packages/service/src/programs.ts';
import { Service } from '../../packages/service/src/service.ts';
import { keysetId } from '../../packages/service/src/store/ids.ts';
import { localOwner } from '../../packages/service/src/store/owners.ts';
import { mutateBytes, mutateJson, mutateLines } from './mutate.ts';
import type { Reader } from './reader.ts';

const text = (value: string) => new TextEncoder().encode(value);
const json = (value: unknown) => text(JSON.stringify(value));
const words = [mutateJson, mutateJson, mutateJson, mutateBytes];

const folder = mkdtempSync(join(tmpdir(), 'fuzz-service-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

// A service as it answers requests, without a network and without a worker.
const [plan, program, part] = ['ab', 'cd', 'ef'].map((byte) => byte.repeat(32)) as [string, string, string];
const key = '12'.repeat(16);
const format = 'test-keys/1';
const clientFolder = join(folder, 'client');
mkdirSync(clientFolder);
writeFileSync(join(clientFolder, 'manifest.json'), '{}');
const service = await Service.open({
  backend: await LocalBackend.open({
    data: join(folder, 'data'),
    spawnWorker: () => {
      throw new Error('no worker: nothing is ever whole here');
    },
    workerGraceMs: 1,
  }),
  programs: await Programs.open([
    { digest: program, plan, summary: {}, clientFolder, clientFiles: ['manifest.json'], folder },
  ]),
  limits: limitsSchema.parse({}),
  onFault: (what, error) => {
    throw new Error(what, { cause: error });
  },
});
const access = { local: true, open: true, hosts: ['localhost'], origins: [] };
const app = makeApp({ service, access, page: undefined, logger: false, version: '0' });
await app.ready();

const host = { host: 'localhost' };

interface Sent {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly path: string;
  readonly type?: string;
  readonly payload?: Uint8Array;
}

/** Sends a request, and throws the service's refusal. A key set that it opened is removed. */
async function send({ method, path, type = 'application/json', payload, headers: own }: Sent): Promise<void> {
  const body = payload === undefined ? {} : { payload: Buffer.from(payload) };
  const headers = { ...host, ...own, ...(payload === undefined ? {} : { 'content-type': type }) };
  const response = await app.inject({ method, url: path, headers, ...body });
  if (response.statusCode >= 400) {
    const { code, detail, status } = protocol.problem.parse(response.json());
    if (status !== response.statusCode || !(code in protocol.problemStatus) || code === 'internal')
      throw new Error(`answered ${response.statusCode} ${JSON.stringify(code)}`);
    throw new Problem(code as protocol.ProblemCode, detail ?? '', '');
  }
  if (method !== 'POST') return;
  const { id } = response.json();
  if (typeof id === 'string' && id !== opened)
    await app.inject({ method: 'DELETE', url: `/v1/keysets/${id}`, headers: host });
}
const { token } = (await service.owners.add('token'))!;
/** As headers arrive: Node's HTTP takes no others. */
const printable = (bytes: Uint8Array) => String.fromCharCode(...bytes.map((byte) => Math.max(32, byte & 127)));
/** A key set that takes parts. */
const opened = keysetId(localOwner, plan, key);
await send({ method: 'POST', path: '/v1/keysets', payload: json({ plan, key, format }) });

/** @param read the refusal that says that a body was read: what it asks for is not here */
const route = (name: string, path: string, body: unknown, read?: protocol.ProblemCode): Reader => ({
  name: `service ${name}`,
  seeds: [json(body)],
  read: async (payload) => {
    try {
      await send({ method: 'POST', path, payload });
    } catch (error) {
      if (!(error instanceof Problem && error.problem === read)) throw error;
    }
  },
  errors: [Problem],
  mutations: words,
});
const list = { format, version: 1, plan, key, parts: [part], more: { of: 'the engine' } };

// What a client reads of a service.
const time = '2026-11-29T00:00:00.000Z';
const keyset = {
  id: opened,
  plan,
  key,
  format,
  state: 'verifying',
  created: time,
  used: time,
  expires: time,
  parts: 1,
  bytes: 7,
  done: 1,
  total: 2,
};
const job = {
  ...{ id: part, program, keyset: opened, input: part, state: 'running', submitted: time, attempts: 1 },
  ...{ place: 0, done: 1, total: 2, secondsLeft: 1.5 },
};
const manifest = { name: 'manifest.json', bytes: 7, sha256: part };
const summary = { name: 'test', classes: ['a', 'b'], tokens: null };

const document = (name: string, schema: Parameters<typeof parseJson>[0], value: unknown): Reader => ({
  name: `client ${name}`,
  seeds: [json(value)],
  read: (bytes) => void parseJson(schema, new TextDecoder().decode(bytes), 'the service'),
  errors: [TransportError],
  mutations: words,
});

async function readRefusal(bytes: Uint8Array): Promise<void> {
  const fetch = async () => new Response(bytes.slice(), { status: 409 });
  try {
    await new Http('http://localhost', { fetch }).bytes('/v1/keysets');
  } catch (error) {
    // Read as it was meant.
    if (!(error instanceof ServiceError && error.problem === 'parts-missing')) throw error;
  }
}

async function readStream(bytes: Uint8Array): Promise<void> {
  async function* chunks() {
    // Cut in the middle: of a line end, or of a character.
    yield bytes.subarray(0, bytes.length >> 1);
    yield bytes.subarray(bytes.length >> 1);
  }
  for await (const { data } of readEvents(chunks())) parseJson(protocol.job, data, 'the service');
}

export const serviceReaders: readonly Reader[] = [
  route('open key set', '/v1/keysets', { plan, key, format }),
  {
    name: 'service token',
    seeds: [text(`Bearer ${token}`)],
    read: (bytes) => send({ method: 'GET', path: '/v1/keysets', headers: { authorization: printable(bytes) } }),
    errors: [Problem],
  },
  {
    name: 'service change of a key set',
    seeds: [json({ expires: time })],
    read: (payload) => send({ method: 'PATCH', path: `/v1/keysets/${opened}`, payload }),
    errors: [Problem],
    mutations: words,
  },
  route('missing parts', `/v1/keysets/${opened}/parts/missing`, { sha256: [part, plan] }),
  route('commit', `/v1/keysets/${opened}/commit`, { list }, 'parts-missing'),
  {
    name: 'service part',
    seeds: [text('a part of a key set')],
    read: (payload) => {
      // Half of them under a name that is not theirs.
      const name = payload.length % 2 === 1 ? createHash('sha256').update(payload).digest('hex') : part;
      const path = `/v1/keysets/${opened}/parts/${name}`;
      return send({ method: 'PUT', path, type: 'application/octet-stream', payload });
    },
    errors: [Problem],
    // Those that are kept are written to the disk.
    share: 0.05,
  },
  {
    name: 'service address',
    seeds: ['keysets', `keysets/${opened}`, 'jobs', 'programs', `programs/${program}/client/manifest.json`].map(
      (path) => text(path),
    ),
    read: (bytes) => send({ method: 'GET', path: `/v1/${Buffer.from(bytes).toString('latin1')}` }),
    errors: [Problem],
  },
  document('programs', protocol.programs, { programs: [{ digest: program, plan, summary, files: [manifest] }] }),
  document('key sets', protocol.keysets, { keysets: [keyset] }),
  document('jobs', protocol.jobs, { jobs: [job] }),
  document('missing parts', protocol.missingAnswer, { missing: [part] }),
  {
    name: 'client refusal',
    seeds: [json(new Problem('parts-missing', 'one is not here', 'send it', { missing: [part], missingCount: 1 }))],
    read: readRefusal,
    errors: [TransportError],
    mutations: words,
  },
  {
    name: 'client events',
    seeds: [
      text(`: hello\n\nid: 1\nevent: job\ndata: ${JSON.stringify(job)}\n\nid: 2\ndata: ${JSON.stringify(job)}\n\n`),
    ],
    read: readStream,
    errors: [TransportError],
    mutations: [mutateBytes, mutateLines],
  },
];
