import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServedProgram } from '../../src/index.ts';
import { Bucket } from '../../src/shared/bucket.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { startListening } from '../killable.ts';
import type { Stage, StartOptions } from '../stage.ts';
import { serve, startProcess, workspace } from '../support.ts';
import { credentials, type Machine, startRedis, startS3 } from './machines.ts';

/** How far ahead a clock is by which nothing in the bucket is young. */
const aheadMs = 2 * 3600_000;

/** A Redis and a server that speaks S3, for stages one after the other. */
export interface SharedMachines {
  /** @param files with the fixtures server, shared-worker and worker */
  stage(files: { path(name: string): string }, program?: Partial<ServedProgram>): Promise<Stage>;
  stop(): Promise<void>;
}

export async function startSharedMachines(): Promise<SharedMachines> {
  Object.assign(process.env, credentials);
  const folder = mkdtempSync(join(tmpdir(), 'stage-'));
  const machines: Machine[] = [await startRedis(join(folder, 'redis')), await startS3(join(folder, 's3'))];
  const [redis, s3] = machines.map(({ port }) => port);
  const shared = { redis: `redis://127.0.0.1:${redis}`, bucket: 'tests', endpoint: `http://127.0.0.1:${s3}` };
  return {
    stage: (files, program) => sharedStage(files, shared, program),
    stop: async () => {
      for (const machine of machines) await machine.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function sharedStage(
  files: { path(name: string): string },
  shared: { readonly redis: string; readonly bucket: string; readonly endpoint: string },
  program: Partial<ServedProgram> = {},
): Promise<Stage> {
  const place = workspace(program);
  const redis = await connectRedis(shared.redis);
  const bucket = await Bucket.open(shared);
  const programs = [place.program];
  const { spawnWorker: _, ...options } = place.options('', { shared });
  let workers = 0;
  const names = async (kind: string) => {
    const found: string[] = [];
    for await (const { name } of bucket.list(`${kind}/local/`)) found.push(name.split('/')[2]!);
    return found.sort();
  };
  return {
    program: place.program.digest,
    // A worker counts as dead after five seconds, and comparing takes a second.
    patienceMs: 30_000,
    startService: ({ killedAt, ...given }: StartOptions = {}) => startProcess(files, { ...options, ...given }, killedAt), // biome-ignore format: short
    startWorker: ({ killedAt }: StartOptions = {}) =>
      startListening([
        files.path('shared-worker'),
        JSON.stringify({ ...shared, programs, data: join(place.folder, `worker ${workers++}`) }),
        files.path('worker'),
        ...(killedAt ? [killedAt] : []),
      ]),
    stored: async () => ({
      parts: await names('parts'),
      requests: await names('requests'),
      results: await names('results'),
      incoming: readdirSync(join(place.data, 'incoming')),
    }),
    part: async (name) => Buffer.concat(await (await bucket.get(`parts/local/${name}`)).stream.toArray()),
    sweep: async () => {
      await redis.del('cf:done:sweep');
      const service = await serve({ ...options, spawnWorker: noWorker, now: () => Date.now() + aheadMs });
      await service.tidy();
      await service.close();
    },
    dispose: async () => {
      for await (const { name } of bucket.list('')) await bucket.remove(name);
      await redis.flushdb();
      redis.disconnect();
      bucket.close();
      place.dispose();
    },
  };
}

const noWorker = () => {
  throw new Error('where machines share their work, a service computes nothing');
};
