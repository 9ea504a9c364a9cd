import type { Redis } from 'ioredis';
import { z } from 'zod';
import { answered } from './redis.ts';

/** A worker that has not been heard of for so long is dead. */
const silentMs = 5000;
/** How often a worker is heard of. */
export const beatMs = 1000;

/** What a worker says of itself. */
const entry = z.strictObject({
  id: z.string(),
  /** Digests of the programs that it has, and of their key plans. */
  programs: z.array(z.string()),
  plans: z.array(z.string()),
  /** Key sets whose keys it has in memory or on its disk. */
  keysets: z.array(z.string()),
});
export type WorkerEntry = z.infer<typeof entry>;

const keyOf = (id: string) => `cf:worker:${id}`;

/** Who works, and what each has at hand. Entries go by themselves when their worker is silent. */
export class Registry {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async announce(worker: WorkerEntry): Promise<void> {
    await answered(this.#redis.set(keyOf(worker.id), JSON.stringify(worker), 'PX', silentMs));
    await answered(this.#redis.sadd('cf:workers', worker.id));
  }

  /** A worker that leaves in order is not waited for. */
  async leave(id: string): Promise<void> {
    await answered(this.#redis.del(keyOf(id)));
  }

  /** Those that live, and those that were known and do not. */
  async workers(): Promise<{ readonly live: WorkerEntry[]; readonly dead: string[] }> {
    const ids = await answered(this.#redis.smembers('cf:workers'));
    if (ids.length === 0) return { live: [], dead: [] };
    const texts = await answered(this.#redis.mget(ids.map(keyOf)));
    return {
      live: texts.flatMap((text) => (text === null ? [] : [entry.parse(JSON.parse(text))])),
      dead: ids.filter((_, i) => texts[i] === null),
    };
  }

  async forget(id: string): Promise<void> {
    await answered(this.#redis.srem('cf:workers', id));
  }
}
