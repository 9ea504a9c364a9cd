import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { EngineProgress } from '../worker/engine.ts';
import { answered } from './redis.ts';

/** Longest time that a progress is believed after it was told. */
const progressMs = 60_000;
const channel = 'cf:changed';

const progressSchema = z.object({
  what: z.enum(['verifying', 'loading', 'running']),
  done: z.number(),
  total: z.number(),
  secondsLeft: z.number().optional(),
});

/** What workers tell services while they work. What gets lost of it is told again by the next change. */
export class Signals {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** @param id undefined: of any task */
  async changed(id: string | undefined): Promise<void> {
    await answered(this.#redis.publish(channel, id ?? ''));
  }

  async progress(id: string, progress: EngineProgress): Promise<void> {
    await answered(this.#redis.set(`cf:progress:${id}`, JSON.stringify(progress), 'PX', progressMs));
    await this.changed(id);
  }

  async progressOf(id: string): Promise<EngineProgress | undefined> {
    const text = await answered(this.#redis.get(`cf:progress:${id}`));
    return text === null ? undefined : progressSchema.parse(JSON.parse(text));
  }

  async ended(id: string): Promise<void> {
    await answered(this.#redis.del(`cf:progress:${id}`));
    await this.changed(undefined);
  }

  /** Hears what changes, on a connection of its own, until what it returns is called. */
  async listen(onChange: (id: string | undefined) => void): Promise<() => void> {
    const own = this.#redis.duplicate({ lazyConnect: true, maxRetriesPerRequest: null });
    own.on('error', () => {});
    own.on('message', (_, id: string) => onChange(id === '' ? undefined : id));
    // What was told while the connection was lost.
    own.on('ready', () => onChange(undefined));
    await own.connect();
    await own.subscribe(channel);
    return () => own.disconnect();
  }
}
