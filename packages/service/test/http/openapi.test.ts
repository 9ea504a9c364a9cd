import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderStage } from '../stage.ts';
import { bundle, caller, serve, type Workspace, workspace } from '../support.ts';
import { fuzzedProgram, fuzzService, operationsOf } from './requests.ts';

let place: Workspace;
let service: Awaited<ReturnType<typeof serve>>;
let document: Document;

interface Document {
  readonly paths: Record<string, Record<string, OperationObject>>;
  readonly components: { readonly schemas: object };
}
interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly schema: { readonly type: string };
  }[];
  readonly responses: Record<string, { readonly description: string }>;
}

beforeAll(async () => {
  place = workspace();
  const spawnWorker = () => {
    throw new Error('no worker in this test');
  };
  service = await serve({ ...place.options(''), spawnWorker, version: '1.2.3' });
  document = (await caller(service.url).call('/openapi.json')).json;
});
afterAll(async () => {
  await service.close();
  place.dispose();
});

describe('the OpenAPI document', () => {
  it('names every route of the protocol, and what each may answer', () => {
    expect(document).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3' } });
    const names = operationsOf(document).map(({ method, path }) => `${method} ${path}`);
    expect(names.sort()).toEqual([
      'DELETE /v1/jobs/{id}', 'DELETE /v1/keysets/{id}', 'GET /v1/jobs', 'GET /v1/jobs/{id}', 'GET /v1/jobs/{id}/events',
      'GET /v1/jobs/{id}/result', 'GET /v1/keysets', 'GET /v1/keysets/{id}', 'GET /v1/programs', 'GET /v1/programs/{digest}',
      'GET /v1/programs/{digest}/client/{file}', 'GET /v1/programs/{digest}/model/{file}', 'PATCH /v1/keysets/{id}', 'POST /v1/jobs', 'POST /v1/keysets',
      'POST /v1/keysets/{id}/commit', 'POST /v1/keysets/{id}/parts/missing', 'POST /v1/owners', 'PUT /v1/keysets/{id}/parts/{sha256}',
    ]); // biome-ignore format: a list
  });

  it('says how long a body may be', () => {
    const most = (path: string, method: string) =>
      (document.paths[path]![method] as unknown as { requestBody: { content: Record<string, { schema: { maxLength: number } }> } })
        .requestBody.content['application/octet-stream']!.schema.maxLength; // biome-ignore format: a path
    expect(most('/v1/keysets/{id}/parts/{sha256}', 'put')).toBe(8 * 2 ** 20 + 4096);
    expect(most('/v1/jobs', 'post')).toBe(256 * 2 ** 20);
  });

  it('holds to the rules of OpenAPI 3.1: parameters that the path names, unique ids, references that exist', () => {
    const ids = new Set<string>();
    for (const [path, methods] of Object.entries(document.paths))
      for (const operation of Object.values(methods)) {
        expect(operation.operationId).toMatch(/^[a-z][A-Za-z0-9]+$/);
        expect(ids.has(operation.operationId)).toBe(false);
        ids.add(operation.operationId);
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        const declared = (operation.parameters ?? []).filter((one) => one.in === 'path');
        expect(declared.map(({ name }) => name).sort()).toEqual(inPath.sort());
        for (const one of operation.parameters ?? []) expect(one.schema.type).toBe('string');
        expect(operation.summary.length).toBeGreaterThan(5);
        for (const [status, { description }] of Object.entries(operation.responses)) {
          expect(status).toMatch(/^[2-5]\d\d$/);
          expect(description.length).toBeGreaterThan(3);
        }
      }
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(document.components.schemas).toHaveProperty(name!);
  });
});

it('300 requests made from the document get answers that it has', async () => {
  const files = await bundle(['worker', 'server']);
  const stage = folderStage(files, fuzzedProgram);
  try {
    const failures: string[] = [];
    const report = await fuzzService(stage, 300, 1, (text) => failures.push(text));
    expect(failures).toEqual([]);
    expect(report.requests).toBe(300);
  } finally {
    await stage.dispose();
    files.dispose();
  }
});
