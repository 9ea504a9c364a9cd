import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { answered } from './redis.ts';
import { type ScriptName, scripts } from './redis-scripts.ts';

const digests = Object.fromEntries(
  Object.entries(scripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
) as Readonly<Record<ScriptName, string>>;

/** Runs a script, which is sent once and then named. @throws Problem 'unreachable' */
export async function runScript<T>(redis: Redis, name: ScriptName, values: readonly (string | number)[]): Promise<T> {
  try {
    return (await answered(redis.evalsha(digests[name], 0, ...values))) as T;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return (await answered(redis.eval(scripts[name], 0, ...values))) as T;
  }
}
