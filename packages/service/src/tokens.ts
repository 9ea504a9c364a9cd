import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from './problem.ts';
import { connectRedis } from './shared/redis.ts';
import { RedisRows } from './shared/redis-rows.ts';
import { dataFolderMarker, openDataFolder, rowsFile } from './store/data-folder.ts';
import { OwnerStore } from './store/owners.ts';
import type { OwnerRow, Rows } from './store/rows.ts';
import { openRows } from './store/sqlite.ts';

/** An owner as the operator sees them. */
export interface ListedOwner extends Pick<OwnerRow, 'id' | 'kind' | 'name'> {
  /** Whether their token opens anything. */
  readonly active: boolean;
  readonly created: string;
  readonly keysets: number;
  readonly bytes: number;
  readonly jobs: number;
}

/** The owners of a data folder, for who runs it: also while a service has it. */
export interface Tokens {
  /** A new token, told this once; undefined where the name is taken. */
  add(name: string): Promise<string | undefined>;
  list(): Promise<ListedOwner[]>;
  /**
   * Ends a token. What is its owner's stays until it expires; with `remove`, a service that runs takes it away within a
   * minute. False for a name that is none.
   */
  revoke(name: string, remove: boolean): Promise<boolean>;
  close(): void;
}

/** Of a service: its data folder, or the Redis of several. */
export type TokensPlace = { readonly data: string } | { readonly redis: string };

/**
 * @param options.create makes a data folder that is not there
 * @throws StartError for a folder of something else, or none; as connectRedis
 */
export async function openTokens(place: TokensPlace, options: { readonly create?: boolean } = {}): Promise<Tokens> {
  const { create = true } = options;
  if ('data' in place && !create && !existsSync(join(place.data, dataFolderMarker)))
    throw new StartError(
      `${place.data} is no data folder of a service: name the one that the service has, or add a token, which makes one`,
    );
  const rows = await openRowsOf(place);
  const owners = new OwnerStore({ rows, now: Date.now });
  return {
    add: async (name) => (await owners.add('token', name))?.token,
    list: async () => {
      const listed: ListedOwner[] = [];
      for (const { id, kind, name, token, created } of await rows.owners())
        listed.push({
          ...{ id, kind, name, active: kind === 'local' || token !== null, created: new Date(created).toISOString() },
          keysets: (await rows.keysets(id)).length,
          bytes: await rows.bytesOf({ owner: id }),
          jobs: (await rows.jobs({ owner: id })).length,
        });
      return listed;
    },
    revoke: (name, remove) => rows.revoke(name, remove),
    close: () => rows.close(),
  };
}

async function openRowsOf(place: TokensPlace): Promise<Rows> {
  if ('redis' in place) return new RedisRows(await connectRedis(place.redis));
  await openDataFolder(place.data);
  return openRows(join(place.data, rowsFile));
}
