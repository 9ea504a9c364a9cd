import { optionalPackage } from '@cipherformer/base';
import type { Redis } from 'ioredis';
import { StartError, unreachable } from '../problem.ts';

/** Longest time that an answer is waited for: whoever asked is told to ask again. */
const commandTimeoutMs = 10_000;
const connectTimeoutMs = 5000;

/** Version of what is written there. Another one is refused. */
const version = '1';
const versionKey = 'cf:version';

/**
 * Connects to Redis or Valkey: one server, no cluster.
 * @param url redis://user:password@host:port/database, or rediss:// for TLS
 * @throws MissingPackageError without ioredis, StartError where it cannot be reached, loses what it has acknowledged when
 * the power goes, or holds rows of another release
 */
export async function connectRedis(url: string): Promise<Redis> {
  const { Redis } = await optionalPackage(() => import('ioredis'), {
    name: 'ioredis',
    purpose: 'Several machines share Redis through ioredis and BullMQ',
    install: 'npm install ioredis@6 bullmq@6',
  });
  if (!/^rediss?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw new StartError('the address of Redis is none: give it as redis://host:6379, or rediss:// for TLS');
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: connectTimeoutMs, commandTimeout: commandTimeoutMs, retryStrategy: () => null }); // biome-ignore format: short
  // Told by the commands that fail.
  redis.on('error', () => {});
  const place = placeOf(url);
  try {
    await redis.connect();
    await checkDurable(redis, place);
    await checkVersion(redis, place);
  } catch (cause) {
    redis.disconnect();
    if (cause instanceof StartError) throw cause;
    throw new StartError(`Redis at ${place} cannot be used: ${messageOf(cause)}; start it, or correct its address`, {
      cause,
    });
  }
  // From here on a connection that is lost is made again.
  redis.options.retryStrategy = (times) => Math.min(times * 100, 2000);
  return redis;
}

/** Without a password. */
export function placeOf(url: string): string {
  return new URL(url).host;
}

/** What is acknowledged has to be on the disk: `appendonly yes` and `appendfsync always`. */
async function checkDurable(redis: Redis, place: string): Promise<void> {
  const set: Record<string, string | undefined> = {};
  for (const name of ['appendonly', 'appendfsync']) {
    const answer = (await redis.config('GET', name).catch((cause: unknown) => {
      throw new StartError(
        `Redis at ${place} does not say whether it keeps what it acknowledges (CONFIG GET ${name}: ${messageOf(cause)}): ` +
          'let this user read its configuration, or use another Redis',
        { cause },
      );
    })) as string[];
    set[name] = answer[1];
  }
  if (set.appendonly === 'yes' && set.appendfsync === 'always') return;
  throw new StartError(
    `Redis at ${place} would lose what it has acknowledged (appendonly ${set.appendonly}, appendfsync ${set.appendfsync}): ` +
      'set "appendonly yes" and "appendfsync always" in redis.conf',
  );
}

async function checkVersion(redis: Redis, place: string): Promise<void> {
  await redis.setnx(versionKey, version);
  const found = await redis.get(versionKey);
  if (found !== version)
    throw new StartError(
      `Redis at ${place} has rows of version ${found}, this release writes ${version}: use the release that wrote them, or another database`,
    );
}

/** The answer of Redis. @throws Problem 'unreachable' where it does not come */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    // What it refuses is a fault of ours.
    if (cause instanceof Error && cause.name === 'ReplyError') throw cause;
    throw unreachable();
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
