// Two workers at one task, of which one was taken for dead: whatever keeps the rows, only the later one's writing counts.
import { expect, it } from 'vitest';
import { limitsSchema } from '../src/limits.ts';
import { Programs } from '../src/programs.ts';
import type { Files, WorkFiles } from '../src/store/files.ts';
import { JobStore } from '../src/store/jobs.ts';
import { KeysetStore } from '../src/store/keysets.ts';
import { PartStore } from '../src/store/parts.ts';
import type { Rows } from '../src/store/rows.ts';
import { LocalTurns } from '../src/store/turns.ts';
import { JobTask, type Stores, VerifyTask } from '../src/tasks.ts';
import { format, hex, key, plan, type Workspace } from './support.ts';

/** @param open rows that hold nothing; their end is the caller's */
export function claimsContract(open: () => Promise<Rows>, place: Workspace): void {
  /** A job that is queued on keys that are verified, and stores as a worker has them. */
  async function underWay() {
    const rows = await open();
    const kept: string[] = [];
    const context = { rows, files: {} as Files, turns: new LocalTurns(), limits: limitsSchema.parse({}), now: Date.now, at: () => {} }; // biome-ignore format: a line
    const parts = new PartStore(context);
    const work: WorkFiles = {
      parts: async () => [],
      request: async () => 'request',
      resultTarget: async () => 'result',
      keepResult: async ({ id }) => kept.push(id) > 0,
      forget: async () => {},
    };
    const stores: Stores = {
      ...{ programs: await Programs.open([place.program]), parts, keysets: new KeysetStore(context, parts) },
      ...{ jobs: new JobStore(context), work, at: context.at },
    };
    await rows.addOwner({ id: 'a', kind: 'token', name: 'a', token: null, created: 1 });
    await rows.addKeyset({
      ...{ id: 'k', owner: 'a', plan, key, format, state: 'verifying', reason: null, created: 1, used: 1, expires: 2 },
      ...{ attempts: 0, claim: null, list: '{"parts":[]}', digest: hex('list'), parts: 0, bytes: 0 },
    });
    const submitted = { submitted: 1, finished: null, attempts: 0, claim: null, event: 1, cpuSeconds: 1 };
    const asked = { id: 'j', owner: 'a', program: place.program.digest, keyset: 'k', input: hex('input') };
    await rows.addJob({ ...asked, ...submitted, state: 'queued', reason: null }, '2026-11-30');
    return { rows, stores, kept };
  }

  it('a job: what the paused one finds out, late, is refused, also that it gives the job back', async () => {
    const { rows, stores, kept } = await underWay();
    const [paused, alive] = [new JobTask((await rows.job('j'))!, stores), new JobTask((await rows.job('j'))!, stores)];
    for (const one of [paused, alive]) expect((await one.begin())?.tries).toBe(one === paused ? 1 : 2);
    expect([await paused.isWanted(), await alive.isWanted()]).toEqual([false, true]);
    const before = await rows.job('j');
    await paused.finish({ ok: false, reason: 'late' });
    await paused.finish({ ok: true });
    await paused.release();
    expect([await rows.job('j'), kept]).toEqual([before, []]);
    await alive.finish({ ok: true });
    expect([(await rows.job('j'))?.state, kept]).toEqual(['done', ['j']]);
    // One that never began has nothing to tell.
    await new JobTask((await rows.job('j'))!, stores).finish({ ok: false, reason: 'not begun' });
    expect((await rows.job('j'))?.state).toBe('done');
  });

  it('a job whose place is taken between its result and its end', async () => {
    const { rows, stores, kept } = await underWay();
    const alive = new JobTask((await rows.job('j'))!, stores);
    const paused = new JobTask((await rows.job('j'))!, {
      ...stores,
      at: async (point) => {
        if (point === 'result-placed') await alive.begin();
      },
    });
    await paused.begin();
    await paused.finish({ ok: true });
    expect([(await rows.job('j'))?.state, kept]).toEqual(['running', ['j']]);
    await alive.finish({ ok: true });
    expect((await rows.job('j'))?.state).toBe('done');
  });

  it('a verification is told which lists of the same key were verified', async () => {
    const { rows, stores } = await underWay();
    const other = (await rows.keyset('k'))!;
    for (const [id, changes] of [['ready', {}], ['bad', { state: 'rejected' }], ['other', { key: 'f'.repeat(32) }]] as const)
      await rows.addKeyset({ ...other, id, state: 'ready', list: `{"parts":["${id}"]}`, ...changes });
    const begun = await new VerifyTask(other, stores).begin();
    expect(begun?.assignment).toMatchObject({ keyset: { id: 'k', verified: ['{"parts":["ready"]}'] } });
  }); // biome-ignore format: a table

  it('a verification', async () => {
    const { rows, stores } = await underWay();
    const [paused, alive] = [new VerifyTask((await rows.keyset('k'))!, stores), new VerifyTask((await rows.keyset('k'))!, stores)]; // biome-ignore format: short
    for (const one of [paused, alive]) await one.begin();
    expect([await paused.isWanted(), await alive.isWanted()]).toEqual([false, true]);
    const before = await rows.keyset('k');
    await paused.finish({ ok: false, reason: 'late' });
    await paused.release();
    expect(await rows.keyset('k')).toEqual(before);
    await alive.finish({ ok: true });
    expect((await rows.keyset('k'))?.state).toBe('ready');
  });
}
