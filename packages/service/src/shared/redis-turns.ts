import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { unreachable } from '../problem.ts';
import { LocalTurns, type Turns } from '../store/turns.ts';
import { answered } from './redis.ts';
import { runScript, type Turn } from './script-runner.ts';

/** A lock that is not renewed for so long is free: its holder was killed. */
const leaseMs = 15_000;
const renewMs = 5000;
/** Between attempts to get it. */
const pollMs = 15;

/** The turn that a change is made in: rows are not changed in one that was lost (redis-rows.ts). */
const turns = new AsyncLocalStorage<Turn>();
export const turnOfChange = (): Turn | undefined => turns.getStore();

/** Turns of all services on one Redis: a lock an owner, which goes by itself where its holder dies. */
export class RedisTurns implements Turns {
  readonly #redis: Redis;
  /** Those of one process wait for each other here, and ask Redis one at a time. */
  readonly #local = new LocalTurns();

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** @throws Problem 'unreachable' where the turn was lost before the end: then nothing may be acknowledged */
  run<T>(owner: string, change: () => Promise<T>): Promise<T> {
    return this.#local.run(owner, async () => {
      const [key, holder] = [`cf:turn:${owner}`, randomUUID()];
      while ((await answered(this.#redis.set(key, holder, 'PX', leaseMs, 'NX'))) === null)
        await sleep(pollMs * (0.5 + Math.random()));
      const renewing = setInterval(() => {
        runScript(this.#redis, 'renew', [key, holder, leaseMs]).catch(() => {});
      }, renewMs);
      let wasHeld: number;
      let result: T;
      try {
        result = await turns.run({ key, holder }, change);
      } finally {
        clearInterval(renewing);
        wasHeld = await runScript<number>(this.#redis, 'release', [key, holder]);
      }
      if (wasHeld === 0) throw unreachable();
      return result;
    });
  }

  /** Does something if nobody of the others has done it within `ms`. */
  async once(what: string, ms: number, task: () => Promise<void>): Promise<void> {
    if ((await answered(this.#redis.set(`cf:done:${what}`, '1', 'PX', ms, 'NX'))) !== null) await task();
  }
}
