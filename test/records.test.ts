// Records of the checks that are run by hand: well formed, of checks that exist, and within their targets.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkNames, checkout, loadCheck, machine, missedTargets, recordsFolder } from '../scripts/records.mjs';

const recordSchema = z.strictObject({
  name: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  dirty: z.boolean(),
  seed: z.int().min(0),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.int().positive(),
    memoryBytes: z.int().positive(),
    node: z.string().regex(/^\d+\.\d+\.\d+/),
  }),
  date: z.iso.date(),
  seconds: z.number().min(0),
  figures: z.record(z.string(), z.json()),
});

const records = existsSync(recordsFolder)
  ? readdirSync(recordsFolder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
  : [];

describe('checks', () => {
  it.each(checkNames())('%s says what it does, and its targets have limits', async (name) => {
    const { check, description, targets = {} } = await loadCheck(name);
    expect(description).toMatch(/\w+ \w+/);
    expect(check).toBeTypeOf('function');
    for (const [figure, { atMost, atLeast, equals }] of Object.entries(targets))
      expect(
        [atMost, atLeast, equals].some((limit) => limit !== undefined),
        figure,
      ).toBe(true);
  });

  it('have one form of record', () => {
    const { commit, dirty } = checkout();
    const record = {
      name: 'x',
      commit,
      dirty,
      seed: 1,
      machine: machine(),
      date: '2026-11-29',
      seconds: 2,
      figures: {},
    };
    expect(recordSchema.safeParse(record).success).toBe(true);
    for (const wrong of [{ commit: 'HEAD' }, { host: 'here' }, { date: 'today' }, { figures: { cases: undefined } }])
      expect(recordSchema.safeParse({ ...record, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
  });

  it('miss a target by any figure beyond it, and by one that is absent', () => {
    const targets = { cases: { atLeast: 10 }, seconds: { atMost: 5 }, clean: { equals: true } };
    expect(missedTargets({ cases: 10, seconds: 5, clean: true, more: 1 }, targets)).toEqual([]);
    expect(missedTargets({ cases: 9, seconds: 5.1, clean: 'true' }, targets)).toEqual([
      'cases is 9, the target is at least 10',
      'seconds is 5.1, the target is at most 5',
      'clean is "true", the target is true',
    ]);
    expect(missedTargets({ cases: Number.NaN }, targets)).toHaveLength(3);
  });
});

describe.runIf(records.length > 0)('records', () => {
  it.each(records)('%s', async (name) => {
    const text = readFileSync(join(recordsFolder, `${name}.json`), 'utf8');
    const record = recordSchema.parse(JSON.parse(text));
    expect(record.name).toBe(name);
    expect(checkNames()).toContain(name);
    expect(missedTargets(record.figures, (await loadCheck(name)).targets)).toEqual([]);
    // Nothing of the machine that it was made on.
    expect(text).not.toMatch(/"(\/|[A-Z]:\\\\)\w/);
  });
});
