// What every store of rows promises, whatever it keeps them in.
import { expect, it } from 'vitest';
import type { JobRow, KeysetRow, OwnerRow, Rows } from '../../src/store/rows.ts';
import { hex } from '../support.ts';

const owner = (id: string, changes: Partial<OwnerRow> = {}): OwnerRow => ({
  ...{ id, kind: 'token', name: `name of ${id}`, token: hex(id), created: 1_790_000_000_123 },
  ...changes,
});
const keyset = (id: string, of: string, changes: Partial<KeysetRow> = {}): KeysetRow => ({
  ...{ id, owner: of, plan: hex('plan'), key: '1'.repeat(32), format: 'test/1', state: 'open', reason: null },
  ...{
    created: 1_790_000_000_123,
    used: 2,
    expires: 3,
    attempts: 0,
    claim: null,
    list: null,
    digest: null,
    parts: null,
    bytes: null,
  },
  ...changes,
});
const job = (id: string, of: string, changes: Partial<JobRow> = {}): JobRow => ({
  ...{ id, owner: of, program: hex('program'), keyset: 'k', input: hex(id), state: 'queued', reason: null },
  ...{ submitted: 1_790_000_000_123, finished: null, attempts: 0, claim: null, event: 1, cpuSeconds: 0.1 + 0.2 },
  ...changes,
});

/** @param open rows that hold nothing; their end is the caller's */
export function rowsContract(open: () => Promise<Rows>): void {
  it('owners: ids, names and tokens are taken once, and found by token', async () => {
    const rows = await open();
    const [a, stranger] = [owner('a'), owner('s', { kind: 'open', name: null, created: 1 })];
    expect(await rows.addOwner(a)).toBe(true);
    expect(await rows.addOwner(stranger)).toBe(true);
    for (const taken of [
      owner('a', { name: 'other', token: null }),
      owner('b', { name: a.name }),
      owner('b', { token: a.token }),
    ])
      expect(await rows.addOwner(taken)).toBe(false);
    expect(await rows.owner('a')).toEqual(a);
    expect(await rows.owner('b')).toBeUndefined();
    expect(await rows.ownerOfToken(hex('a'))).toEqual(a);
    expect(await rows.ownerOfToken(hex('nobody'))).toBeUndefined();
    expect(await rows.owners()).toEqual([stranger, a]);
  });

  it('owners: one that is revoked has no token and no name, and is removed when nothing is theirs', async () => {
    const rows = await open();
    await rows.addOwner(owner('a'));
    await rows.addKeyset(keyset('k', 'a'));
    await rows.addPart('a', hex('part'), 5);
    for (const [id, state] of [['q', 'queued'], ['r', 'running'], ['d', 'done']] as const) await rows.addJob(job(id, 'a', { state }), '2026-11-30');
    expect(await rows.revoke('nobody', true)).toBe(false);
    expect(await rows.revoke('name of a', true)).toBe(true);
    expect(await rows.owner('a')).toMatchObject({ name: null, token: null });
    expect(await rows.ownerOfToken(hex('a'))).toBeUndefined();
    // Its name and token can be given again.
    expect(await rows.addOwner(owner('b', { name: 'name of a', token: hex('a') }))).toBe(true);
    expect((await rows.keyset('k'))?.expires).toBe(0);
    expect((await rows.jobs({ owner: 'a' })).map(({ id, state, finished, event }) => [id, state, finished, event])).toEqual([
      ['q', 'cancelled', 0, 2], ['r', 'running', null, 1], ['d', 'done', 0, 1],
    ]);
    expect(await rows.removeOwner('a')).toBe(false);
    await rows.removeKeyset('k');
    await rows.removeParts('a', [hex('part')]);
    for (const id of ['q', 'r']) await rows.removeJob(id);
    expect(await rows.removeOwner('a')).toBe(false);
    await rows.removeJob('d');
    expect(await rows.removeOwner('a')).toBe(true);
    expect(await rows.removeOwner('a')).toBe(false);
    expect((await rows.owners()).map(({ id }) => id)).toEqual(['b']);
  }); // biome-ignore format: a table

  it('key sets: are added once, changed in the states that are asked for alone, and listed as they came', async () => {
    const rows = await open();
    for (const id of ['a', 'b']) await rows.addOwner(owner(id));
    const [first, second] = [keyset('k1', 'a', { created: 5 }), keyset('k0', 'b', { created: 5 })];
    const third = keyset('k2', 'a', { created: 4, list: '{"parts":[]}', parts: 2, bytes: 2 ** 35, reason: 'why' });
    for (const one of [first, second, third]) expect(await rows.addKeyset(one)).toBe(true);
    expect(await rows.addKeyset({ ...first, state: 'ready' })).toBe(false);
    expect(await rows.keysets()).toEqual([third, second, first]);
    expect(await rows.keysets('a')).toEqual([third, first]);
    expect(await rows.changeKeyset('k1', ['verifying'], { state: 'ready' })).toBeUndefined();
    expect(await rows.changeKeyset('nothing', ['open'], { used: 1 })).toBeUndefined();
    const changed = { ...first, state: 'verifying', list: 'a list', parts: 7, used: 9 } as const;
    expect(await rows.changeKeyset('k1', ['ready', 'open'], { state: 'verifying', list: 'a list', parts: 7, used: 9 })).toEqual(changed); // biome-ignore format: short
    expect(await rows.changeKeyset('k2', ['open'], { reason: null, parts: null })).toEqual({ ...third, reason: null, parts: null }); // biome-ignore format: short
    expect(await rows.keyset('k1')).toEqual(changed);
    await rows.removeKeyset('k1');
    expect(await rows.keyset('k1')).toBeUndefined();
    expect((await rows.keysets()).map(({ id }) => id)).toEqual(['k2', 'k0']);
  });

  it('parts: belong to their owner, are counted once, and by kinds of owners', async () => {
    const rows = await open();
    await rows.addOwner(owner('a'));
    for (const id of ['s', 't']) await rows.addOwner(owner(id, { kind: 'open', name: null }));
    const [one, two] = [hex('one'), hex('two')];
    for (const [of, part, bytes] of [['a', one, 10], ['a', one, 10], ['a', two, 2 ** 33], ['s', one, 3], ['t', two, 4]] as const) await rows.addPart(of, part, bytes); // biome-ignore format: short
    expect(await rows.partsAmong('a', [hex('none'), two, one])).toEqual(new Map([[two, 2 ** 33], [one, 10]])); // biome-ignore format: short
    expect(await rows.partsAmong('s', [two])).toEqual(new Map());
    expect((await rows.partsOf('a')).sort()).toEqual([one, two].sort());
    expect([await rows.bytesOf({ owner: 'a' }), await rows.bytesOf({ owner: 'nobody' }), await rows.bytesOf({ kind: 'open' })]).toEqual([2 ** 33 + 10, 0, 7]); // biome-ignore format: short
    await rows.removeParts('a', [one, hex('none')]);
    expect([await rows.partsOf('a'), await rows.bytesOf({ owner: 'a' })]).toEqual([[two], 2 ** 33]);
  });

  it('jobs: have a place by when they came, which one that is asked for again loses; each change is an event', async () => {
    const rows = await open();
    for (const id of ['a', 'b']) await rows.addOwner(owner(id));
    const day = '2026-11-30';
    for (const [id, of, on] of [['z', 'a', 'k'], ['y', 'b', 'k'], ['x', 'a', 'l']] as const) await rows.addJob(job(id, of, { keyset: on }), day); // biome-ignore format: short
    const ids = async (of: Parameters<Rows['jobs']>[0]) => (await rows.jobs(of)).map(({ id }) => id);
    expect(await rows.job('z')).toEqual(job('z', 'a'));
    expect(await ids({})).toEqual(['z', 'y', 'x']);
    expect([await ids({ owner: 'a' }), await ids({ keyset: 'k' }), await ids({ owner: 'a', keyset: 'k' })]).toEqual([['z', 'x'], ['z', 'y'], ['z']]); // biome-ignore format: short
    expect(await rows.changeJob('z', ['running'], { state: 'done' })).toBeUndefined();
    const failed = { ...job('z', 'a'), state: 'failed', reason: 'why', finished: 77, attempts: 2, event: 2 } as const;
    expect(await rows.changeJob('z', ['queued'], { state: 'failed', reason: 'why', finished: 77, attempts: 2 })).toEqual(failed); // biome-ignore format: short
    expect([await ids({ states: ['queued'] }), await ids({ states: ['failed', 'queued'] })]).toEqual([['y', 'x'], ['z', 'y', 'x']]); // biome-ignore format: short
    await rows.addJob(job('z', 'a', { event: 3 }), day);
    expect([await ids({}), (await rows.job('z'))?.reason]).toEqual([['y', 'x', 'z'], null]);
    await rows.removeJob('y');
    expect([await ids({}), await ids({ keyset: 'k' }), await rows.job('y')]).toEqual([['x', 'z'], ['z'], undefined]);
  });

  it('tries: what one writes that another has taken the place of changes nothing', async () => {
    const rows = await open();
    await rows.addOwner(owner('a'));
    await rows.addKeyset(keyset('k', 'a', { state: 'verifying' }));
    await rows.addJob(job('z', 'a'), '2026-11-30');
    for (const claim of ['paused', 'alive']) {
      expect(await rows.changeJob('z', ['queued', 'running'], { state: 'running', claim })).toMatchObject({ claim });
      expect(await rows.changeKeyset('k', ['verifying'], { claim })).toMatchObject({ claim });
    }
    const [then, set] = [await rows.job('z'), await rows.keyset('k')];
    expect(await rows.changeJob('z', ['running'], { state: 'failed', reason: 'late' }, 'paused')).toBeUndefined();
    expect(await rows.changeKeyset('k', ['verifying'], { state: 'rejected' }, 'paused')).toBeUndefined();
    expect([await rows.job('z'), await rows.keyset('k')]).toEqual([then, set]);
    expect(await rows.changeJob('z', ['running'], { state: 'done' }, 'alive')).toMatchObject({ state: 'done' });
    expect(await rows.changeKeyset('k', ['verifying'], { state: 'ready' }, 'alive')).toMatchObject({ state: 'ready' });
    // A job that is asked for again has no try yet.
    await rows.addJob(job('z', 'a'), '2026-11-30');
    expect(await rows.changeJob('z', ['queued'], { state: 'done' }, 'alive')).toBeUndefined();
  });

  it('days: what is spent is an owner’s and a day’s, never less than nothing, and forgotten the day after', async () => {
    const rows = await open();
    for (const id of ['a', 'b']) await rows.addOwner(owner(id));
    await rows.addJob(job('z', 'a', { cpuSeconds: 1.25 }), '2026-11-29');
    await rows.spend('a', '2026-11-29', 0.5);
    expect([await rows.spent('a', '2026-11-29'), await rows.spent('a', '2026-11-30'), await rows.spent('b', '2026-11-29')]).toEqual([1.75, 0, 0]); // biome-ignore format: short
    await rows.spend('a', '2026-11-29', -5);
    expect(await rows.spent('a', '2026-11-29')).toBe(0);
    await rows.spend('a', '2026-11-29', 1);
    await rows.spend('a', '2026-11-30', 2);
    expect([await rows.spent('a', '2026-11-29'), await rows.spent('a', '2026-11-30')]).toEqual([0, 2]);
  });

  it('programs are remembered, and all is counted', async () => {
    const rows = await open();
    expect(await rows.counts()).toEqual({ owners: 0, keysets: {}, jobs: {}, bytes: 0 });
    await rows.addPrograms([]);
    await rows.addPrograms([{ digest: 'd', name: 'of before', task: 't' }]);
    await rows.addPrograms([{ digest: 'd', name: 'n', task: 't' }, { digest: 'e', name: '', task: '' }]); // biome-ignore format: short
    expect([await rows.program('d'), await rows.program('f')]).toEqual([
      { digest: 'd', name: 'n', task: 't' },
      undefined,
    ]);
    await rows.addOwner(owner('a'));
    await rows.addKeyset(keyset('k', 'a', { state: 'ready' }));
    await rows.addPart('a', hex('part'), 12);
    for (const id of ['x', 'y']) await rows.addJob(job(id, 'a'), '2026-11-30');
    await rows.changeJob('x', ['queued'], { state: 'running' });
    expect(await rows.counts()).toEqual({
      owners: 1,
      keysets: { ready: 1 },
      jobs: { queued: 1, running: 1 },
      bytes: 12,
    });
  });
}
