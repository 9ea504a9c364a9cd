// What the machine sets: the disk's room and memory.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceError, Transport, type UploadPart, uploadParts } from '@cipherformer/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slowPart } from './fixtures/orders.ts';
import {
  bundle,
  caller,
  format,
  key,
  listOf,
  part,
  plan,
  randomParts,
  readyKeyset,
  serve,
  startProcess,
  stored,
  workspace,
} from './support.ts';

let files: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  files = await bundle(['worker', 'server']);
});
afterAll(() => files.dispose());

/** Peak resident memory of a process in MiB; undefined where there is no /proc. */
function peakMiB(pid: number): number | undefined {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  } catch {
    return undefined;
  }
}

describe('memory', () => {
  it('of the service does not grow with the keys that it takes', async () => {
    const count = Number(process.env.SERVICE_TEST_PARTS ?? 40);
    const place = workspace();
    const { spawnWorker: _, ...options } = place.options('');
    const service = await startProcess(files, options);
    try {
      const transport = new Transport(service.url);
      const { id } = await transport.openKeyset({ plan, key, format });
      const parts: Iterable<UploadPart> = (function* () {
        for (let i = 0; i < count; i++) yield part(new Uint8Array(8 * 2 ** 20).fill(i, i * 4, i * 4 + 4 * (i + 1)));
      })();
      const from = performance.now();
      const list = await uploadParts(transport, id, parts);
      const seconds = (performance.now() - from) / 1000;
      expect(await transport.missing(id, list.slice(0, 1000))).toEqual([]);
      const peak = peakMiB(service.child.pid!);
      if (process.env.SERVICE_TEST_PARTS)
        process.stdout.write(`${count} parts of 8 MiB in ${seconds.toFixed(1)} s, peak ${peak?.toFixed(0)} MiB\n`);
      if (peak !== undefined) expect(peak).toBeLessThan(300);
    } finally {
      await service.kill();
      place.dispose();
    }
  });
});

/** A small disk of its own, where this user may make one. */
function mountSmallDisk(folder: string, mib: number): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a disk that is full', () => {
  it('is said in words to the client, loses nothing, and is no obstacle once there is room', async (context) => {
    const place = workspace();
    if (!mountSmallDisk(place.data, 16)) {
      place.dispose();
      context.skip();
    }
    const { spawnWorker: _, ...options } = place.options('');
    const service = await startProcess(files, options);
    try {
      const transport = new Transport(service.url, { retry: { attempts: 1 } });
      const { id } = await transport.openKeyset({ plan, key, format });
      const parts = randomParts(12, 2 * 2 ** 20);
      const upload = uploadParts(transport, id, parts);
      await expect(upload).rejects.toThrow(ServiceError);
      const error = (await upload.catch((reason: unknown) => reason)) as ServiceError;
      expect([error.status, error.problem]).toEqual([507, 'no-room']);
      expect(`${error.message}: ${error.hint}`).toMatch(/no room.*delete key sets or jobs/);
      const kept = stored(place.data).parts;
      expect(kept.length).toBeGreaterThan(4);
      expect(stored(place.data).incoming).toEqual([]);
      const missing = await transport.missing(id, parts.map(({ sha256 }) => sha256)); // biome-ignore format: short
      expect(missing.length + kept.length).toBe(12);
      execFileSync('mount', ['-o', 'remount,size=64m', place.data]);
      expect(await uploadParts(transport, id, parts)).toEqual(parts.map(({ sha256 }) => sha256));
      expect((await transport.commit(id, listOf(parts))).state).toBe('verifying');
      expect((await transport.verified(id)).state).toBe('ready');
    } finally {
      await service.kill();
      execFileSync('umount', [place.data]);
      place.dispose();
    }
  });

  it('or read-only is said at the start, and nothing of it is lost', async (context) => {
    const place = workspace();
    if (!mountSmallDisk(place.data, 16)) {
      place.dispose();
      context.skip();
    }
    const remount = (how: string) => execFileSync('mount', ['-o', `remount,${how}`, place.data]);
    const { spawnWorker: _, ...options } = place.options('');
    let service = await startProcess(files, options);
    try {
      const set = await readyKeyset(caller(service.url), [part('one')]);
      await service.kill();
      remount('ro');
      await expect(serve(place.options(''))).rejects.toThrow(/cannot use .*(EROFS|read-only|readonly)/);
      remount('rw');
      service = await startProcess(files, options);
      expect((await caller(service.url).call(`/v1/keysets/${set.id}`)).json.state).toBe('ready');
    } finally {
      await service.kill();
      // What a start here opened in vain may be open until it is collected.
      execFileSync('umount', ['--lazy', place.data]);
      place.dispose();
    }
  });

  it('lets a change wait that must be written, and then goes on', async (context) => {
    const place = workspace();
    if (!mountSmallDisk(place.data, 16)) {
      place.dispose();
      context.skip();
    }
    const { spawnWorker: _, ...options } = place.options('');
    const service = await startProcess(files, options);
    try {
      const api = caller(service.url);
      const { id } = (await api.post('/v1/keysets', { plan, key, format })).json;
      const one = part(`${slowPart}1500`);
      await api.put(id, one);
      await api.post(`/v1/keysets/${id}/commit`, { list: listOf([one]) });
      const filler = join(place.data, 'filler');
      execFileSync('sh', ['-c', `cat /dev/zero > ${filler} 2>/dev/null || true`]);
      expect((await api.post('/v1/keysets', { plan, key: 'e'.repeat(32), format })).json.code).toBe('no-room');
      // By now the verdict is there, and cannot be written.
      await new Promise((resolve) => setTimeout(resolve, 3000));
      expect((await api.call(`/v1/keysets/${id}`)).json.state).toBe('verifying');
      execFileSync('rm', [filler]);
      expect((await new Transport(service.url).verified(id)).state).toBe('ready');
    } finally {
      await service.kill();
      execFileSync('umount', [place.data]);
      place.dispose();
    }
  });
});
