import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { unreachable } from '../problem.ts';
import { answered } from './redis.ts';
import { lostTurn, type ScriptName, scripts } from './redis-scripts.ts';

const digests = Object.fromEntries(
  Object.entries(scripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
) as Readonly<Record<ScriptName, string>>;

/** A lock that is held while rows are changed. */
export interface Turn {
  readonly key: string;
  readonly holder: string;
}

/**
 * Runs a script, which is sent once and then named.
 * @param turn nothing is changed where it was lost
 * @throws Problem 'unreachable', also for a turn that was lost
 */
export async function runScript<T>(
  redis: Redis,
  name: ScriptName,
  values: readonly (string | number)[],
  turn?: Turn,
): Promise<T> {
  const held = turn === undefined ? [] : [turn.key, turn.holder];
  const run = (send: Promise<unknown>) =>
    answered(send).catch((error: unknown) => {
      throw isReply(error, lostTurn) ? unreachable() : error;
    }) as Promise<T>;
  try {
    return await run(redis.evalsha(digests[name], held.length, ...held, ...values));
  } catch (error) {
    if (!isReply(error, 'NOSCRIPT')) throw error;
    return run(redis.eval(scripts[name], held.length, ...held, ...values));
  }
}

const isReply = (error: unknown, code: string) => error instanceof Error && error.message.startsWith(code);
