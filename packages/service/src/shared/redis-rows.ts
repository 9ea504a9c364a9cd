import { type KeysetState, keysetState } from '@cipherformer/client/protocol';
import type { Redis } from 'ioredis';
import type { JobChanges, JobRow, KeysetChanges, KeysetRow, OwnerRow, ProgramRow, Rows, StoredJobState } from '../store/rows.ts'; // biome-ignore format: a list
import { answered } from './redis.ts';
import { turnOfChange } from './redis-turns.ts';
import { runScript } from './script-runner.ts';

const ownerFields = ['id', 'kind', 'name', 'token', 'created'] as const satisfies (keyof OwnerRow)[];
const keysetFields = [
  'id', 'owner', 'plan', 'key', 'format', 'state', 'reason', 'created', 'used', 'expires', 'attempts', 'claim', 'list', 'digest', 'parts', 'bytes',
] as const satisfies (keyof KeysetRow)[]; // biome-ignore format: a list
const jobFields = [
  'id', 'owner', 'program', 'keyset', 'input', 'state', 'reason', 'submitted', 'finished', 'attempts', 'claim', 'event', 'cpuSeconds',
] as const satisfies (keyof JobRow)[]; // biome-ignore format: a list
/** Of all rows: the others are text. */
const numbers = new Set<string>(['created', 'used', 'expires', 'attempts', 'parts', 'bytes', 'submitted', 'finished', 'event', 'cpuSeconds']); // biome-ignore format: a list
const jobStates: readonly StoredJobState[] = ['queued', 'running', 'done', 'failed', 'cancelled'];

/** Most values in one command. */
const batch = 1000;

/** Rows in Redis, shared by several machines. Its connection ends with it. */
export class RedisRows implements Rows {
  readonly #redis: Redis;

  /** @param redis as connectRedis gives it: one that keeps what it acknowledges */
  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async addOwner(owner: OwnerRow): Promise<boolean> {
    const { id, name, token, created } = owner;
    return this.#isDone('addOwner', id, name ?? '', token ?? '', created, ...written(owner));
  }

  async owner(id: string): Promise<OwnerRow | undefined> {
    return rowOf<OwnerRow>(await this.#ask(this.#redis.hgetall(`cf:owner:${id}`)), ownerFields);
  }

  async ownerOfToken(sha256: string): Promise<OwnerRow | undefined> {
    const id = await this.#ask(this.#redis.hget('cf:tokens', sha256));
    const owner = id === null ? undefined : await this.owner(id);
    // It may have been revoked between the two questions.
    return owner?.token === sha256 ? owner : undefined;
  }

  async owners(): Promise<OwnerRow[]> {
    return this.#rows<OwnerRow>('owner', await this.#ask(this.#redis.zrange('cf:owners', '0', '-1')), ownerFields);
  }

  revoke(name: string, remove: boolean): Promise<boolean> {
    return this.#isDone('revoke', name, remove ? '1' : '0');
  }

  removeOwner(id: string): Promise<boolean> {
    return this.#isDone('removeOwner', id);
  }

  async addKeyset(row: KeysetRow): Promise<boolean> {
    const { id, owner, state, created } = row;
    return this.#isDone('addKeyset', id, owner, state, created, ...written(row));
  }

  async keyset(id: string): Promise<KeysetRow | undefined> {
    return rowOf<KeysetRow>(await this.#ask(this.#redis.hgetall(`cf:keyset:${id}`)), keysetFields);
  }

  async keysets(owner?: string): Promise<KeysetRow[]> {
    const lists = owner === undefined ? keysetState.options.map((state) => `cf:keysets-in:${state}`) : [`cf:keysets-of:${owner}`]; // biome-ignore format: short
    const rows = await this.#rows<KeysetRow>('keyset', await this.#listed(lists), keysetFields);
    return rows.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  }

  changeKeyset(
    id: string,
    states: readonly KeysetState[],
    changes: KeysetChanges,
    claim = '',
  ): Promise<KeysetRow | undefined> {
    return this.#change('keyset', { id, states, claim }, changes, keysetFields);
  }

  async removeKeyset(id: string): Promise<void> {
    await this.#run('removeKeyset', [id]);
  }

  async addPart(owner: string, sha256: string, bytes: number): Promise<void> {
    await this.#run('addPart', [owner, sha256, bytes]);
  }

  async partsAmong(owner: string, sha256: readonly string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (let at = 0; at < sha256.length; at += batch) {
      const some = sha256.slice(at, at + batch);
      const bytes = await this.#ask(this.#redis.hmget(`cf:parts:${owner}`, ...some));
      for (const [i, one] of some.entries()) if (bytes[i] != null) found.set(one, Number(bytes[i]));
    }
    return found;
  }

  partsOf(owner: string): Promise<string[]> {
    return this.#ask(this.#redis.hkeys(`cf:parts:${owner}`));
  }

  async removeParts(owner: string, sha256: readonly string[]): Promise<void> {
    // More than Lua unpacks at once is no concern: the script takes one after the other.
    for (let at = 0; at < sha256.length; at += batch)
      await this.#run('removeParts', [owner, ...sha256.slice(at, at + batch)]);
  }

  async bytesOf(whose: { readonly owner: string } | { readonly kind: OwnerRow['kind'] }): Promise<number> {
    if ('owner' in whose) return Number(await this.#ask(this.#redis.hget('cf:part-bytes', whose.owner)));
    const bytes = await this.#ask(this.#redis.hgetall('cf:part-bytes'));
    const owners = (await this.owners()).filter(({ kind }) => kind === whose.kind);
    return owners.reduce((sum, { id }) => sum + Number(bytes[id] ?? 0), 0);
  }

  async addJob(job: JobRow, day: string): Promise<void> {
    const { id, owner, keyset, state, cpuSeconds } = job;
    await this.#run('addJob', [id, owner, keyset, state, day, cpuSeconds, ...written(job)]);
  }

  async job(id: string): Promise<JobRow | undefined> {
    return rowOf<JobRow>(await this.#ask(this.#redis.hgetall(`cf:job:${id}`)), jobFields);
  }

  async jobs(of: {
    readonly owner?: string;
    readonly keyset?: string;
    readonly states?: readonly StoredJobState[];
  }): Promise<JobRow[]> {
    const { owner, keyset, states = jobStates } = of;
    const byState = () => states.map((state) => `cf:jobs-in:${state}`);
    const lists = keyset !== undefined ? [`cf:jobs-with:${keyset}`] : owner !== undefined ? [`cf:jobs-of:${owner}`] : byState(); // biome-ignore format: short
    const rows = await this.#rows<JobRow>('job', await this.#listed(lists), jobFields);
    return rows.filter((row) => states.includes(row.state) && (owner === undefined || row.owner === owner));
  }

  changeJob(
    id: string,
    states: readonly StoredJobState[],
    changes: JobChanges,
    claim = '',
  ): Promise<JobRow | undefined> {
    return this.#change('job', { id, states, claim }, changes, jobFields);
  }

  async removeJob(id: string): Promise<void> {
    await this.#run('removeJob', [id]);
  }

  async spent(owner: string, day: string): Promise<number> {
    return Number(await this.#ask(this.#redis.hget(`cf:spent:${owner}`, day)));
  }

  async spend(owner: string, day: string, cpuSeconds: number): Promise<void> {
    await this.#run('spend', [owner, day, cpuSeconds]);
  }

  async addPrograms(programs: readonly ProgramRow[]): Promise<void> {
    if (programs.length === 0) return;
    const fields = programs.flatMap(({ digest, name, task }) => [digest, JSON.stringify({ name, task })]);
    await this.#ask(this.#redis.hset('cf:programs', ...fields));
  }

  async program(digest: string): Promise<ProgramRow | undefined> {
    const text = await this.#ask(this.#redis.hget('cf:programs', digest));
    return text === null ? undefined : { digest, ...(JSON.parse(text) as Pick<ProgramRow, 'name' | 'task'>) };
  }

  async counts(): ReturnType<Rows['counts']> {
    const sizes = async (lists: string, states: readonly string[]) => {
      const counted = await Promise.all(states.map((state) => this.#ask(this.#redis.zcard(`cf:${lists}-in:${state}`))));
      return Object.fromEntries(states.map((state, i) => [state, counted[i]!] as const).filter(([, n]) => n > 0));
    };
    const bytes = await this.#ask(this.#redis.hvals('cf:part-bytes'));
    return {
      owners: await this.#ask(this.#redis.zcard('cf:owners')),
      keysets: await sizes('keysets', keysetState.options),
      jobs: await sizes('jobs', jobStates),
      bytes: bytes.reduce((sum, one) => sum + Number(one), 0),
    };
  }

  close(): void {
    this.#redis.disconnect();
  }

  #ask<T>(asked: Promise<T>): Promise<T> {
    return answered(asked);
  }

  async #isDone(...[name, ...values]: [Parameters<typeof runScript>[1], ...(string | number)[]]): Promise<boolean> {
    return (await this.#run<number>(name, values)) > 0;
  }

  #run<T>(name: Parameters<typeof runScript>[1], values: readonly (string | number)[]): Promise<T> {
    return runScript(this.#redis, name, values, turnOfChange());
  }

  /** Ids of these lists together, in their order. */
  async #listed(lists: readonly string[]): Promise<string[]> {
    if (lists.length === 0) return [];
    if (lists.length === 1) return this.#ask(this.#redis.zrange(lists[0]!, '0', '-1'));
    return this.#ask(this.#redis.zunion(lists.length, ...lists));
  }

  /** Those that are still there. */
  async #rows<T>(kind: string, ids: readonly string[], fields: readonly string[]): Promise<T[]> {
    if (ids.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hgetall(`cf:${kind}:${id}`);
    const answers = (await this.#ask(pipeline.exec())) ?? [];
    return answers.flatMap(([error, hash]) => {
      if (error) throw error;
      return rowOf<T>(hash as Record<string, string>, fields) ?? [];
    });
  }

  async #change<T>(
    kind: 'keyset' | 'job',
    { id, states, claim }: { readonly id: string; readonly states: readonly string[]; readonly claim: string },
    changes: object,
    fields: readonly string[],
  ): Promise<T | undefined> {
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    const set = given.filter(([, value]) => value !== null);
    const gone = given.filter(([, value]) => value === null).map(([name]) => name);
    const values = [kind, id, claim, states.length, ...states, set.length, ...set.flat(), ...gone];
    const flat = await this.#run<string[]>('change', values);
    const entries = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const);
    return rowOf<T>(Object.fromEntries(entries), fields);
  }
}

/** Fields and values of a row, those that are null left out. */
function written(row: object): (string | number)[] {
  return Object.entries(row).flatMap(([name, value]) => (value === null ? [] : [name, value as string | number]));
}

/** A row of its hash; undefined for one that is not there. */
function rowOf<T>(hash: Readonly<Record<string, string>>, fields: readonly string[]): T | undefined {
  if (hash.id === undefined) return undefined;
  const value = (name: string) => {
    const text = hash[name];
    if (text === undefined) return null;
    return numbers.has(name) ? Number(text) : text;
  };
  return Object.fromEntries(fields.map((name) => [name, value(name)])) as T;
}
