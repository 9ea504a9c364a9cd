// Client and server work in threads of their own: this one's event loop stays alive, and what happens to a thread is told.
import { performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import { Client, compile, type EvaluationKeyPart, type Program, Server, type ServerKeys } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';
import { best, pixels, scratch } from './support.ts';

const { at, dispose } = scratch();
const insecure = true;
let program: Program;
let client: Client;

beforeAll(async () => {
  program = await compile(at('model'), { folder: at('program'), parameters: insecureParameters() });
  client = await Client.create(program, { insecure });
}, 60_000);

afterAll(async () => {
  await client.close();
  program.close();
  dispose();
});

/** The threads that start meanwhile. */
async function started<T>(work: () => Promise<T>): Promise<{ value: T; workers: Worker[] }> {
  const workers: Worker[] = [];
  const seen = (worker: Worker) => void workers.push(worker);
  process.on('worker', seen);
  try {
    return { value: await work(), workers };
  } finally {
    process.off('worker', seen);
  }
}

interface Watched {
  /** The longest time for which the event loop stood still, in ms. */
  readonly stood: number;
  /** Share of the time in which it was busy. */
  readonly busy: number;
}

async function watched(work: () => Promise<unknown>): Promise<Watched> {
  const before = performance.eventLoopUtilization();
  let last = performance.now();
  let stood = 0;
  const tick = () => {
    const now = performance.now();
    stood = Math.max(stood, now - last);
    last = now;
  };
  const timer = setInterval(tick, 2);
  await work();
  clearInterval(timer);
  tick();
  return { stood, busy: performance.eventLoopUtilization(before).utilization };
}

const least = (tries: readonly Watched[]): Watched => ({
  stood: Math.min(...tries.map(({ stood }) => stood)),
  busy: Math.min(...tries.map(({ busy }) => busy)),
});

/** Keys as they come from elsewhere: made before, given at once. */
async function keysOf(owner: Client) {
  const { key, [Symbol.asyncIterator]: _, ...rest } = owner.evaluationKeys();
  const parts: EvaluationKeyPart[] = [];
  for await (const part of owner.evaluationKeys()) parts.push(part);
  return { ...rest, key, async *[Symbol.asyncIterator]() { yield* parts; } }; // biome-ignore format: short
}

describe('while keys are taken and a program runs', () => {
  it('the event loop does not stand', async () => {
    const server = await Server.load(program, { insecure });
    const given = await keysOf(client);
    const request = await client.encrypt({ pixels });
    const loading: Watched[] = [];
    const running: Watched[] = [];
    // A busy machine may make anything wait: the best of some tries.
    for (let attempt = 0; attempt < 3; attempt++) {
      let keys: ServerKeys | undefined;
      const load = async () => {
        keys = await server.loadKeys(given);
      };
      loading.push(await watched(load));
      running.push(await watched(() => server.run(keys!, request)));
      await keys!.close();
    }
    for (const { stood, busy } of [least(loading), least(running)]) {
      expect(stood).toBeLessThan(200);
      expect(busy).toBeLessThan(0.5);
    }
    await server.close();
  });

  it('an abort ends the run, and the thread is used again', async () => {
    const server = await Server.load(at('program'), { insecure });
    const keys = await server.loadKeys(client.evaluationKeys());
    const request = await client.encrypt({ pixels });
    const stop = new AbortController();
    let steps = 0;
    const progress = () => void steps++;
    const run = server.run(keys, request, { signal: stop.signal, progress });
    setTimeout(() => stop.abort(new Error('enough')), 30);
    await expect(run).rejects.toThrow('enough');
    const [answer] = await client.decrypt(await server.run(keys, request, { progress }), request);
    expect(answer!.label).toBe(best);
    const thrown = server.run(keys, request, { progress: () => { throw new Error('by progress'); } }); // biome-ignore format: short
    await expect(thrown).rejects.toThrow('by progress');
    await server.close();
  });

  it('keys that cannot be given end the loading with their error, and their source is closed', async () => {
    const server = await Server.load(program, { insecure });
    let closed = false;
    const failing = {
      key: client.evaluationKeys().key,
      async *[Symbol.asyncIterator]() {
        try {
          for await (const part of client.evaluationKeys()) {
            yield part;
            throw new Error('the line is dead');
          }
        } finally {
          closed = true;
        }
      },
    };
    await expect(server.loadKeys(failing)).rejects.toThrow('the line is dead');
    expect(closed).toBe(true);
    await server.close();
  });
});

describe('while keys are made, an input is encrypted and a result decrypted', () => {
  it('the event loop does not stand', async () => {
    const server = await Server.load(program, { insecure });
    const keys = await server.loadKeys(client.evaluationKeys());
    const work = async () => {
      for await (const _ of client.evaluationKeys());
      const request = await client.encrypt({ pixels });
      await client.decrypt(await server.run(keys, request), request);
    };
    const tries: Watched[] = [];
    for (let attempt = 0; attempt < 3; attempt++) tries.push(await watched(work));
    const { stood, busy } = least(tries);
    expect(stood).toBeLessThan(200);
    expect(busy).toBeLessThan(0.5);
    await server.close();
  });
});

describe('the thread', () => {
  it('of a client has its secret key, and ends with it: the bytes that were given stay the caller’s', async () => {
    const secret = await client.exportSecret();
    const copy = secret.slice();
    const { value: again, workers: [thread] } = await started(() => Client.create(program, { secret, insecure })); // biome-ignore format: short
    const ended = new Promise((resolve) => thread!.once('exit', resolve));
    expect([secret, again.evaluationKeys().key]).toEqual([copy, client.evaluationKeys().key]);
    await again.close();
    await ended;
    await expect(again.encrypt({ pixels })).rejects.toMatchObject({ code: 'bad-usage' });
  });

  it('takes what can be handed to it, and tells of the rest', async () => {
    await expect(client.encrypt({ pixels: () => 1 } as never)).rejects.toMatchObject({ code: 'bad-usage' });
    expect((await client.encrypt({ pixels })).examples).toBe(1);
  });

  it('of a program that was compiled is the first server’s, and ends with it', async () => {
    const { value: made, workers: [thread] } = await started(() => compile(at('model'), { folder: at('own'), parameters: insecureParameters() })); // biome-ignore format: short
    const { value: server, workers: none } = await started(() => Server.load(made, { insecure }));
    expect(none).toEqual([]);
    const ended = new Promise((resolve) => thread!.once('exit', resolve));
    made.close();
    const keys = await server.loadKeys(client.evaluationKeys());
    expect(keys.bytes).toBeGreaterThan(0);
    await server.close();
    await ended;
    await server.close();
  });

  it('that crashes is told, with its code, also to whoever calls afterwards', async () => {
    const { value: server, workers: [thread] } = await started(() => Server.load(at('program'), { insecure })); // biome-ignore format: short
    const keys = await server.loadKeys(client.evaluationKeys());
    const request = await client.encrypt({ pixels });
    const run = server.run(keys, request);
    void thread!.terminate();
    await expect(run).rejects.toMatchObject({ code: 'worker-died', hint: expect.any(String) });
    await expect(server.run(keys, request)).rejects.toMatchObject({ code: 'worker-died' });
    await server.close();
  });

  it('gives results that outlive it', async () => {
    const server = await Server.load(program, { insecure });
    const keys = await server.loadKeys(client.evaluationKeys());
    const request = await client.encrypt({ pixels });
    const result = await server.run(keys, request);
    await server.close();
    const copy = result.slice();
    const [answer] = await client.decrypt(result, request);
    expect([answer!.label, result]).toEqual([best, copy]);
    await keys.close();
  });
});
