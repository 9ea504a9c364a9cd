import { type ProblemCode, problem, problemStatus } from '@cipherformer/client/protocol';
import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import type { Told } from './zod.ts';

// OpenAPI 3.1 of the routes, made from the schemas that validate their requests and type their answers.

type Json = Readonly<Record<string, unknown>>;

/** What any route may answer. */
const always: readonly ProblemCode[] = [
  'wrong-host',
  'request-refused',
  'not-found',
  'internal',
  'stopping',
  'unreachable',
];
const withToken: readonly ProblemCode[] = ['token-needed', 'bad-token'];
const withFields: readonly ProblemCode[] = ['invalid'];
const withJson: readonly ProblemCode[] = ['media-type', 'too-large'];

const schemaOf = (schema: z.core.$ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Json;
  return rest;
};

/** Collects routes as they are made. */
export class ApiDescription {
  readonly #paths = new Map<string, Record<string, Json>>();

  add({ method, url, schema, config }: RouteOptions): void {
    if (config?.told === undefined || typeof method !== 'string') return;
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    const own = this.#paths.get(path) ?? {};
    own[method.toLowerCase()] = operation(config.told, {
      method: method.toLowerCase(),
      path,
      isPublic: config.public === true,
      params: schema?.params as z.core.$ZodType | undefined,
      query: schema?.querystring as z.core.$ZodType | undefined,
      body: schema?.body as z.core.$ZodType | undefined,
    });
    this.#paths.set(path, own);
  }

  document(version: string): Json {
    return {
      openapi: '3.1.1',
      info: {
        title: 'Cipherformer service',
        version,
        description: 'Encrypted programs over HTTP: evaluation keys in parts, jobs, encrypted results.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      security: [{ token: [] }],
      paths: Object.fromEntries([...this.#paths].sort(([a], [b]) => (a < b ? -1 : 1))),
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'cf_ and 43 characters' } },
        schemas: { Problem: schemaOf(problem, 'output') },
      },
    };
  }
}

interface Parts {
  readonly method: string;
  readonly path: string;
  readonly isPublic: boolean;
  readonly params: z.core.$ZodType | undefined;
  readonly query: z.core.$ZodType | undefined;
  readonly body: z.core.$ZodType | undefined;
}

function operation({ summary, takes, answers, problems }: Told, parts: Parts): Json {
  const { method, path, isPublic, params, query, body } = parts;
  const codes = [
    ...always,
    ...(isPublic ? [] : withToken),
    ...(params || query || body ? withFields : []),
    ...(body || takes ? withJson : []),
    ...problems,
  ];
  return {
    operationId: `${method}${path.replace(/^\/v1/, '').replaceAll(/[/{}-]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(isPublic ? { security: [] } : {}),
    ...(params || query ? { parameters: [...parametersOf(params, 'path'), ...parametersOf(query, 'query')] } : {}),
    ...requestBody(body, takes),
    responses: { ...answersOf(answers), ...refusalsOf(codes) },
  };
}

function parametersOf(schema: z.core.$ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Record<string, Json>; required?: string[] }; // biome-ignore format: short
  return Object.entries(properties).map(([name, own]) => ({
    ...{ name, in: where, required: where === 'path' || required.includes(name), schema: own },
  }));
}

function requestBody(body: z.core.$ZodType | undefined, takes: Told['takes']): Json {
  if (takes !== undefined) {
    const schema = { type: 'string', format: 'binary', maxLength: takes.maxBytes };
    return { requestBody: { required: true, content: { [takes.type]: { schema } } } };
  }
  if (body === undefined) return {};
  return { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } };
}

function answersOf(answers: Told['answers']): Json {
  const content = (answer: z.core.$ZodType | string) =>
    typeof answer === 'string'
      ? { [answer]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: schemaOf(answer, 'output') } };
  const entries = Object.entries(answers).map(([status, answer]) => [
    status,
    { description: meaning[Number(status)], ...(answer === undefined ? {} : { content: content(answer) }) },
  ]);
  return Object.fromEntries(entries);
}

const meaning: Readonly<Record<number, string>> = {
  200: 'As asked for',
  201: 'It is new, and on the disk',
  202: 'It is on the disk, and will be worked on',
  204: 'There is nothing to tell',
  304: 'It is as it was',
};

function refusalsOf(codes: readonly ProblemCode[]): Json {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes)) {
    const status = problemStatus[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus].map(([status, own]) => [status, { description: own.toSorted().join(', '), content }]),
  );
}
