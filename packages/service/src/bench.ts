import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fill } from './bench/fill.ts';
import { askRepeatedly, type RequestRates } from './bench/requests.ts';
import { format, plan, program, type Started, startMeasured } from './bench/started.ts';
import { type Asker, asOwner, diskSpeed, partBytes, upload } from './bench/uploads.ts';

/** What a service takes on this machine. Times are of a worker that computes nothing. */
export interface ServiceFigures {
  /** The state of a job, asked by owners with tokens on 32 connections. */
  readonly smallRequests: RequestRates;
  /** One owner, four parts at a time, and the same files written and synchronised without a service. */
  readonly uploadBytesPerSecond: number;
  /** Processor time of the service: of a small request, and of a gigabyte (10^9) that is sent. Tells on a busy machine, too. */
  readonly cpuMsOfRequest?: number;
  readonly cpuSecondsOfGigabyte?: number;
  readonly diskBytesPerSecond: number;
  /** Resident memory of the service at rest, and the most while 20 owners send at once. */
  readonly memoryBytes?: number;
  readonly memoryOf20OwnersBytes?: number;
  /** 200 connections watch a job for some seconds: small requests meanwhile, and how many were told its end. */
  readonly watched: RequestRates & { readonly watchers: number; readonly told: number };
  /** From the request to its first progress, when the keys are loaded; the median. */
  readonly nextJobSeconds: number;
  /** From the start of the process to its first answer: of an empty folder, and of the one that is said. */
  readonly emptyStartSeconds: number;
  readonly restart: {
    readonly keysets: number;
    readonly jobs: number;
    readonly seconds: number;
    readonly cpuSeconds?: number;
  };
}

export interface MeasureServiceOptions {
  /** A small run for a first look. */
  readonly quick?: boolean;
  /** Where data folders are made: on the disk that is measured. Default: the system's temporary folder. */
  readonly folder?: string;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

const connections = 32;
const atOnce = 4;

/** Starts services of a program that is none and measures them, each in a process of its own. */
export async function measureService(options: MeasureServiceOptions = {}): Promise<ServiceFigures> {
  const { quick = false, note = () => {}, signal } = options;
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'cipherformer-service-'));
  const limits = { keysets: 1000, ownersPerHour: 1000, jobs: 1000, cpuSecondsPerDay: 1e9 };
  let service: Started | undefined;
  const step = (text: string) => {
    signal?.throwIfAborted();
    note(text);
  };
  try {
    step('small requests');
    service = await startMeasured(join(folder, 'one'), { open: true, limits });
    const emptyStartSeconds = service.startSeconds;
    const { url } = service;
    const [owner, token] = await newOwner(url);
    const keyset = await readyKeyset(owner);
    const job = await finishedJob(owner, keyset, 0);
    const seconds = quick ? 1 : 5;
    const ask = () => askRepeatedly(url, `/v1/jobs/${job}`, { connections, seconds, token });
    await askRepeatedly(url, `/v1/jobs/${job}`, { connections, seconds: 1, token });
    const [smallRequests, requestCpu] = await costing(service, ask);
    const resting = service.memoryBytes()?.now;

    step('uploads');
    const parts = quick ? 8 : 64;
    await upload(owner, 4, atOnce);
    const diskBytesPerSecond = await diskSpeed(join(folder, 'disk'), parts, atOnce);
    const [uploadBytesPerSecond, uploadCpu] = await costing(service, () => upload(owner, parts, atOnce));

    step('a job that follows another');
    const starts: number[] = [];
    for (let i = 0; i < (quick ? 3 : 9); i++) {
      const from = performance.now();
      await finishedJob(owner, keyset, 0, i + 1);
      starts.push((performance.now() - from) / 1000);
    }
    const nextJobSeconds = starts.sort((a, b) => a - b)[starts.length >> 1]!;

    step('200 watchers');
    const watched = await watch(owner, keyset, token, url, quick ? 20 : 200, ask);

    step('20 owners');
    await service.stop();
    service = await startMeasured(join(folder, 'twenty'), { open: true, limits });
    const owners = await Promise.all(Array.from({ length: 20 }, async () => (await newOwner(service!.url))[0]));
    await Promise.all(owners.map((one) => upload(one, quick ? 2 : 8, 2)));
    const peak = service.memoryBytes()?.peak;
    await service.stop();

    const size = quick ? { keysets: 20, jobs: 200 } : { keysets: 1000, jobs: 10_000 };
    step(`a restart with ${size.keysets} key sets and ${size.jobs} jobs`);
    await fill(join(folder, 'full', 'data'), size);
    // The first start after the filling has the file system's caches of it: the second is one.
    service = await startMeasured(join(folder, 'full'), { limits });
    await service.stop();
    service = await startMeasured(join(folder, 'full'), { limits });
    const startCpu = service.cpuSeconds();
    const restart = {
      ...size,
      seconds: service.startSeconds,
      ...(startCpu === undefined ? {} : { cpuSeconds: startCpu }),
    };
    return {
      ...{
        smallRequests,
        uploadBytesPerSecond,
        diskBytesPerSecond,
        watched,
        nextJobSeconds,
        emptyStartSeconds,
        restart,
      },
      ...(requestCpu === undefined ? {} : { cpuMsOfRequest: (1000 * requestCpu) / smallRequests.requests }),
      ...(uploadCpu === undefined ? {} : { cpuSecondsOfGigabyte: uploadCpu / ((parts * partBytes) / 1e9) }),
      ...(resting === undefined || peak === undefined ? {} : { memoryBytes: resting, memoryOf20OwnersBytes: peak }),
    };
  } finally {
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Does something, and tells what processor time it cost the service. */
async function costing<T>(service: Started, work: () => Promise<T>): Promise<readonly [T, number | undefined]> {
  const before = service.cpuSeconds();
  const result = await work();
  const after = service.cpuSeconds();
  return [result, before === undefined || after === undefined ? undefined : after - before];
}

async function newOwner(url: string): Promise<readonly [Asker, string]> {
  const { token } = await asOwner(url).call('POST', '/v1/owners');
  return [asOwner(url, token), token];
}

async function readyKeyset({ call, openKeyset, putPart }: Asker): Promise<string> {
  const id = await openKeyset('one that is ready');
  const { key } = await call('GET', `/v1/keysets/${id}`);
  const { sha256 } = await putPart(id, new Uint8Array(1000));
  await call('POST', `/v1/keysets/${id}/commit`, { list: { format, version: 1, plan, key, parts: [sha256] } });
  while ((await call('GET', `/v1/keysets/${id}`)).state !== 'ready') await sleep(5);
  return id;
}

const submit = async ({ call }: Asker, keyset: string, tenths: number, salt: number): Promise<string> =>
  (await call('POST', `/v1/jobs?program=${program}&keyset=${keyset}`, new Uint8Array([tenths, salt]))).id;

async function finishedJob(owner: Asker, keyset: string, tenths: number, salt = 0): Promise<string> {
  const id = await submit(owner, keyset, tenths, salt);
  while ((await owner.call('GET', `/v1/jobs/${id}`)).state !== 'done') await sleep(2);
  return id;
}

async function watch(
  owner: Asker,
  keyset: string,
  token: string,
  url: string,
  watchers: number,
  ask: () => Promise<RequestRates>,
): Promise<ServiceFigures['watched']> {
  const id = await submit(owner, keyset, 80, 0);
  const watching = Array.from({ length: watchers }, async () => {
    const response = await fetch(`${url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${token}` } });
    return (await response.text()).includes('"state":"done"');
  });
  const rates = await ask();
  const told = (await Promise.all(watching)).filter(Boolean).length;
  return { ...rates, watchers, told };
}
