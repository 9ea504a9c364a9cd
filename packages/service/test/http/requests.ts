// Requests made from the OpenAPI document of a running service: some as they should be, most not quite, some not at all.
import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { problem, problemStatus } from '@cipherformer/client/protocol';
import fc from 'fast-check';
import { z } from 'zod';
import type { Stage } from '../stage.ts';
import { caller, format, fresh, hex, key, part, plan, readyKeyset } from '../support.ts';

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: 'path' | 'query'; readonly schema: Schema }[];
  readonly body: { readonly type: string; readonly schema: Schema } | undefined;
  /** Answers by status: media types with their schemas. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, z.core.$ZodType | undefined>>>>;
}
type Schema = Readonly<Record<string, unknown>>;

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
}
interface OperationObject {
  readonly parameters?: Operation['parameters'];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>;
} // biome-ignore format: a line each

/** What a document says, as it is checked here. */
export function operationsOf(document: unknown): Operation[] {
  return Object.entries((document as Document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => {
      const [body] = Object.entries(requestBody?.content ?? {});
      const answers = Object.entries(responses).map(([status, { content = {} }]) => {
        const types = Object.entries(content).map(([type, { schema }]) => [type, type === 'application/json' ? z.fromJSONSchema(schema as never) : undefined]); // biome-ignore format: short
        return [status, Object.fromEntries(types)] as const;
      });
      return {
        ...{ method: method.toUpperCase(), path, parameters, answers: Object.fromEntries(answers) },
        body: body && { type: body[0], schema: body[1].schema },
      };
    }),
  );
}

/** Values of a JSON schema: names of what is there, others of the same form, and what is not allowed. */
function valuesOf(schema: Schema, known: readonly string[]): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(fc.jsonValue(), fc.constantFrom('', '..', '\0', 'a'.repeat(300), -1, 1e308, null));
  return fc.oneof({ weight: 12, arbitrary: rightOf(schema, known) }, { weight: 1, arbitrary: wrong });
}

function rightOf(schema: Schema, known: readonly string[]): fc.Arbitrary<unknown> {
  if (schema.type === 'string') {
    const pattern = typeof schema.pattern === 'string' ? new RegExp(schema.pattern) : /^/;
    const fitting = known.filter((value) => pattern.test(value));
    const hexadecimal = fc.constantFrom(32, 64).chain((n) => fc.stringMatching(new RegExp(`^[0-9a-f]{${n}}$`)));
    const time = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
    return fitting.length > 0 ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...fitting) }, hexadecimal) : fc.oneof(time, fc.string()); // biome-ignore format: short
  }
  if (schema.type === 'integer' || schema.type === 'number') return fc.integer({ min: 0, max: 100 });
  if (schema.type === 'array') return fc.array(valuesOf(schema.items as Schema, known), { minLength: 1, maxLength: 4 });
  if (schema.type !== 'object') return fc.jsonValue();
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  const fields = Object.fromEntries(properties.map(([name, own]) => [name, valuesOf(own, known)]));
  const right = fc.record(fields);
  return fc.oneof(
    { weight: 8, arbitrary: right },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
    { weight: 1, arbitrary: right.map((value) => ({ ...value, more: 1 })) },
  );
}

interface Sent {
  readonly operation: Operation;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

function requestsOf(operations: readonly Operation[], known: readonly string[], tokens: readonly string[]): fc.Arbitrary<Sent> {
  const authorization = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...tokens).map((token) => `Bearer ${token}`) },
    fc.constantFrom('', 'Bearer', `Bearer cf_${'A'.repeat(43)}`, 'Basic YTpi'),
  );
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 500 }), fc.constantFrom(...known).map((text) => new TextEncoder().encode(text)));
  return fc.constantFrom(...operations).chain((operation) => {
    const values = fc.tuple(...operation.parameters.map(({ schema }) => valuesOf(schema, known)));
    const type = operation.body?.type;
    const right =
      type === 'application/json'
        ? valuesOf(operation.body!.schema, known).map((value) => new TextEncoder().encode(JSON.stringify(value) ?? ''))
        : bytes;
    const body = fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: bytes });
    const contentType = fc.oneof({ weight: 20, arbitrary: fc.constant(type ?? '') }, fc.constantFrom('', 'text/plain', 'application/json'));
    return fc.record({ values, authorization, contentType, body }).map(({ values: given, authorization: auth, contentType: kind, body: payload }) => {
      let path = operation.path;
      const query: string[] = [];
      for (const [i, { name, in: where }] of operation.parameters.entries()) {
        // Values may be anything that JSON can hold: objects without a prototype, halves of surrogate pairs.
        const value = typeof given[i] === 'string' ? given[i] : (JSON.stringify(given[i]) ?? '');
        const text = encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(value)));
        if (where === 'path') path = path.replace(`{${name}}`, text);
        else query.push(`${name}=${text}`);
      }
      const headers = { ...(auth === '' ? {} : { authorization: auth }), ...(type === undefined || kind === '' ? {} : { 'content-type': kind }) };
      return { operation, path: query.length > 0 ? `${path}?${query.join('&')}` : path, headers, body: type === undefined ? undefined : payload };
    });
  });
} // biome-ignore format: tables

/** @throws Error for an answer that the document does not have */
function checkAnswer({ operation }: Sent, status: number, type: string, text: string): void {
  const wrong = (what: string) =>
    new Error(`${operation.method} ${operation.path} answered ${status} ${type}: ${what}`);
  const stated = operation.answers[status];
  if (stated === undefined) throw wrong(`not in the document: ${text.slice(0, 300)}`);
  if (text === '') return;
  const media = type.split(';')[0]!;
  if (!(media in stated) && !('*/*' in stated)) throw wrong('another type than in the document');
  if (media === 'application/problem+json') {
    const { code, status: own } = problem.parse(JSON.parse(text));
    if (own !== status || problemStatus[code as keyof typeof problemStatus] !== status) throw wrong(`code ${code}`);
    if (code === 'internal') throw wrong('a fault of its own');
  } else if (stated[media] !== undefined) z.core.parse(stated[media], JSON.parse(text));
}

function send(url: string, agent: Agent, sent: Sent): Promise<void> {
  return new Promise((resolve, reject) => {
    const isStream = sent.operation.path.endsWith('/events');
    const outgoing = httpRequest(url + sent.path, { method: sent.operation.method, headers: { ...sent.headers, ...(sent.body ? { 'content-length': sent.body.length } : {}) }, agent }, (response) => {
      let text = '';
      const end = () => {
        try {
          resolve(checkAnswer(sent, response.statusCode!, response.headers['content-type'] ?? '', text));
        } catch (error) {
          reject(error);
        }
      };
      response.on('data', (piece) => {
        text += piece;
        if (!isStream || response.statusCode !== 200) return;
        // That events begin is enough: they go on until the job ends.
        outgoing.destroy();
        end();
      });
      response.on('end', end);
      response.on('error', () => {});
    }); // biome-ignore format: lines
    outgoing.on('error', (error) => (outgoing.destroyed && isStream ? resolve() : reject(error)));
    outgoing.end(sent.body);
  });
}

export interface FuzzReport {
  readonly requests: number;
  /** Answers that the document does not have, or none. */
  readonly failures: number;
  /** Resident memory of the service after the first tenth, and how much more at the end, in MiB. 0 where there is no /proc. */
  readonly memoryMiB: number;
  readonly growthMiB: number;
}

/** Of the program that is served: what an owner's day and disk are counted by. */
export const fuzzedProgram = { keyBytes: 1e6, cpuSeconds: 0.001 };

/** Sends a service requests made from its own document, and checks that every answer is one that the document has. */
export async function fuzzService(
  stage: Stage,
  count: number,
  seed: number,
  log: (text: string) => void = () => {},
): Promise<FuzzReport> {
  const service = await stage.startService({ open: true, limits: { cpuSecondsPerDay: 1e9, partsInFlight: 100, ownersPerHour: 50 } }); // biome-ignore format: short
  const worker = await stage.startWorker?.();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  try {
    const tokens: string[] = [];
    for (let i = 0; i < 2; i++)
      tokens.push((await caller(service.url).call('/v1/owners', { method: 'POST' })).json.token);
    const api = caller(service.url, tokens[0]);
    const one = part('a part');
    const set = await readyKeyset(api, [one]);
    const open = (await api.post('/v1/keysets', { plan, key: '3'.repeat(32), format })).json.id as string;
    const body = fresh();
    const job = (await api.submit(stage.program, set.id, body)).json.id as string;
    const known = [stage.program, plan, key, format, set.id, open, job, one.sha256, 'manifest.json', 'a part', new TextDecoder().decode(body), hex('nothing')]; // biome-ignore format: a list
    const operations = operationsOf((await api.call('/openapi.json')).json);
    const requests = requestsOf(operations, known, tokens);
    let failures = 0;
    let firstMiB = 0;
    const batch = 100;
    for (let done = 0; done < count; done += batch) {
      const some = fc.sample(requests, { numRuns: Math.min(batch, count - done), seed: seed + done });
      await Promise.all(
        some.map((sent) =>
          send(service.url, agent, sent).catch((error: unknown) => {
            failures++;
            log(String(error));
          }),
        ),
      );
      if (firstMiB === 0 && done >= count / 10) firstMiB = residentMiB(service.child.pid!);
    }
    if ((await api.call('/healthz')).status !== 200 || service.child.exitCode !== null) failures++;
    return { requests: count, failures, memoryMiB: firstMiB, growthMiB: residentMiB(service.child.pid!) - firstMiB };
  } finally {
    agent.destroy();
    await service.kill();
    await worker?.kill();
  }
}

function residentMiB(pid: number): number {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024);
  } catch {
    return 0;
  }
}
