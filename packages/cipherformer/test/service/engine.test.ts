// The engine of a service on files as the service hands them to it, in this process, on an insecure ring.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootstrapPlan } from '@cipherformer/ckks';
import { writeProgram } from '@cipherformer/compiler';
import type { PolynomialModel } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import type { KeyList } from '@cipherformer/runtime/server';
import type { EngineProgress, UnverifiedKeyset } from '@cipherformer/service/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgramEngine } from '../../../service/src/run/program-engine.ts';
import { insecureCli as cli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'engine-'));
const at = (name: string) => join(folder, name);
const never = new AbortController().signal;
const quiet = () => {};
const engine = new ProgramEngine({ insecure: true });

/** A key set as the service gives it; a list may be another than the folder's. */
function keyset(keys: string, list = readFileSync(at(`${keys}/evaluation/list.json`), 'utf8')): UnverifiedKeyset {
  const { plan, key, parts } = JSON.parse(readFileSync(at(`${keys}/evaluation/list.json`), 'utf8')) as KeyList;
  const files = parts.map((sha256) => ({ sha256, path: at(`${keys}/evaluation/parts/${sha256}`) }));
  return { id: keys, plan, key, parts: files, list, programs: [at('program')], verified: [] };
}

/** A changed list. */
function changed(keys: string, change: (list: KeyList) => object): string {
  const list = JSON.parse(readFileSync(at(`${keys}/evaluation/list.json`), 'utf8')) as KeyList;
  return JSON.stringify({ ...list, ...change(list) });
}

/** A program of a model, and for each of its owners keys and an encrypted input. */
async function prepare(program: string, model: PolynomialModel, owners: readonly string[]): Promise<void> {
  savePolynomialModel(at(`${program}-model`), model);
  await writeProgram(at(`${program}-model`), at(program), {}, insecureParameters());
  for (const keys of owners) {
    await cli('keygen', at(program), '--out', at(keys));
    await cli('encrypt', at(program), '--keys', at(`${keys}/secret`), '--input', at('input.json'), '--out', at(`${keys}.in`)); // biome-ignore format: short
  }
}

beforeAll(async () => {
  writeFileSync(at('input.json'), JSON.stringify({ pixels: Array.from({ length: 16 }, (_, i) => 16 * i) }));
  await prepare('program', tinyModel(3), ['keys', 'others']);
});
afterAll(() => {
  engine[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const run = (keys: string, result: string, options: { program?: string; request?: string; signal?: AbortSignal; progress?: (progress: EngineProgress) => void } = {}) =>
  engine.run({ id: 'a job', program: at(options.program ?? 'program'), keyset: keyset(keys), request: at(options.request ?? `${keys}.in`), result: at(result) }, options.progress ?? quiet, options.signal ?? never); // biome-ignore format: short

describe('run', () => {
  it('loads keys once, says how far it is, gives the same bytes again and those of the verb run', async () => {
    const seen: EngineProgress[] = [];
    await run('keys', 'first', { progress: (progress) => seen.push(progress) });
    for (const stage of ['loading', 'running'] as const) {
      const of = seen.filter((one) => one.what === stage);
      expect(of.length).toBeGreaterThan(5);
      expect(of.at(-1)!.done).toBe(of.at(-1)!.total);
    }
    for (const { done, total, secondsLeft = 0 } of seen) {
      expect(Number.isInteger(done) && Number.isInteger(total) && done <= total).toBe(true);
      expect(secondsLeft >= 0 && Number.isFinite(secondsLeft)).toBe(true);
    }
    const again: EngineProgress[] = [];
    await run('keys', 'again', { progress: (progress) => again.push(progress) });
    expect(again.map(({ what }) => what)).not.toContain('loading');
    expect(readFileSync(at('again')).equals(readFileSync(at('first')))).toBe(true);
    await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('keys.in'), '--out', at('by-hand'));
    expect(readFileSync(at('by-hand')).equals(readFileSync(at('first')))).toBe(true);
  });

  it('keeps the keys of several owners, and answers each by their own', async () => {
    for (const [keys, wanted] of [
      ['others', ['loading', 'running']],
      ['keys', ['running']],
      ['others', ['running']],
    ] as const) {
      const stages = new Set<string>();
      await run(keys, `${keys}.out`, { progress: ({ what }) => stages.add(what) });
      expect([...stages]).toEqual(wanted);
      const answer = await cli('decrypt', at('program'), '--keys', at(`${keys}/secret`), '--input', at(`${keys}.out`), '--request', at(`${keys}.in`)); // biome-ignore format: short
      expect(answer.code).toBe(0);
    }
    expect(readFileSync(at('keys.out')).equals(readFileSync(at('first')))).toBe(true);
  });

  it('lets go of those that were used longest ago where there is room for one alone, and of those that are gone', async () => {
    const { predicted } = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    using small = new ProgramEngine({ insecure: true }, predicted.peakBytes);
    const loaded: (readonly string[])[] = [];
    for (const keys of ['keys', 'others', 'keys']) {
      const job = { id: 'a job', program: at('program'), keyset: keyset(keys), request: at(`${keys}.in`), result: at('small') }; // biome-ignore format: short
      await small.run(job, quiet, never);
      loaded.push(small.loaded);
    }
    expect(loaded).toEqual(['keys', 'others', 'keys'].map((keys) => [keyset(keys).id]));
    small.forget(keyset('keys').id);
    expect(small.loaded).toEqual([]);
    expect(readFileSync(at('small')).equals(readFileSync(at('first')))).toBe(true);
  });

  it('encodes the matrices of a bootstrap for the first keys and keeps them for those of others', async () => {
    await prepare('deep', tinyModel(3, 2), ['deep-keys', 'deep-others']);
    const { slotsToCoeffs, coeffsToSlots } = new BootstrapPlan(insecureParameters());
    const matrices = slotsToCoeffs.length + coeffsToSlots.length;
    /** How much is loaded before the first instruction, in each stage: parts of keys, matrices of a bootstrap. */
    const loaded = async (keys: string) => {
      const seen: EngineProgress[] = [];
      const stop = new AbortController();
      const progress = (one: EngineProgress) => {
        seen.push(one);
        if (one.what === 'running') stop.abort(new Error('enough'));
      };
      await expect(run(keys, 'none', { program: 'deep', progress, signal: stop.signal })).rejects.toThrow('enough');
      return seen.flatMap(({ what, done, total }) => (what === 'loading' && done === total ? total : []));
    };
    const parts = keyset('deep-keys').parts.length;
    expect(await loaded('deep-keys')).toEqual([parts, matrices]);
    expect(await loaded('deep-others')).toEqual([parts]);
    expect(await loaded('deep-keys')).toEqual([]);
  });

  it('refuses a request of another key, a damaged one and a secret key, and leaves no result', async () => {
    writeFileSync(at('damaged'), readFileSync(at('keys.in')).fill(7, 4000, 4010));
    for (const [request, why] of [['others.in', /belongs to the secret key/], ['damaged', /is damaged/], ['keys/secret', /the request/]] as const) {
      await expect(run('keys', 'none', { request })).rejects.toThrow(why);
      expect(existsSync(at('none'))).toBe(false);
    } // biome-ignore format: pairs
  });

  it('stops between instructions, with its keys kept, and leaves no result', async () => {
    const stop = new AbortController();
    const stopping = run('keys', 'none', {
      signal: stop.signal,
      progress: ({ what }) => {
        if (what === 'running') stop.abort(new Error('enough'));
      },
    });
    await expect(stopping).rejects.toThrow('enough');
    expect(existsSync(at('none'))).toBe(false);
    await run('keys', 'after');
    expect(readFileSync(at('after')).equals(readFileSync(at('first')))).toBe(true);
  });

  it('needs the memory that the program is predicted to take', async () => {
    const program = at('large');
    await writeProgram(at('program-model'), program, {}, insecureParameters());
    const path = join(program, 'client/manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...manifest, predicted: { ...manifest.predicted, peakBytes: 2 ** 50 } }));
    const job = { id: 'a job', program, keyset: keyset('keys'), request: at('keys.in'), result: at('none') }; // biome-ignore format: short
    await expect(engine.run(job, quiet, never)).rejects.toThrow(/takes about 1048576.00 GiB of memory/);
  });
});

describe('verify', () => {
  it('accepts what keygen made, part by part', async () => {
    const seen: EngineProgress[] = [];
    expect(await engine.verify(keyset('keys'), (progress) => seen.push(progress), never)).toEqual({ ok: true });
    const { parts } = keyset('keys');
    expect(seen.map(({ done }) => done)).toEqual(parts.map((_, i) => i + 1));
  });

  it('reads a key once that a verified set has part for part, and no other', async () => {
    const read = async (...verified: string[]) => {
      const seen: EngineProgress[] = [];
      const given = { ...keyset('keys'), verified };
      expect(await engine.verify(given, (progress) => seen.push(progress), never)).toEqual({ ok: true });
      return seen.length;
    };
    const { list, parts } = keyset('keys');
    expect(await read(list)).toBe(0);
    expect(await read(keyset('others').list)).toBe(parts.length);
    expect(await read(changed('keys', () => ({ parametersDigest: 'a'.repeat(64) })))).toBe(parts.length);
    // A key of which one part is another is read whole, also where a second list has that part.
    const without = (i: number) => changed('keys', (own) => ({ parts: own.parts.with(i, 'a'.repeat(64)) }));
    const some = await read(without(0));
    expect([some > 1, some < parts.length]).toEqual([true, true]);
    expect(await read(without(0), without(1))).toBe(some);
  });

  it('refuses every damaged, missing or exchanged part, and names it without a path', async () => {
    const { parts } = keyset('keys');
    const { path, sha256 } = parts[3]!;
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length - 1]! ^= 1;
    for (const bytes of [flipped, whole.subarray(1), Buffer.alloc(0), readFileSync(parts[4]!.path)]) {
      writeFileSync(path, bytes);
      const why = await engine.verify(keyset('keys'), quiet, never).then(() => '', (error: Error) => error.message); // biome-ignore format: short
      expect(why).toBe(`${sha256.slice(0, 12)}, a part of the evaluation keys, is damaged: send the keys again`);
    }
    rmSync(path);
    await expect(engine.verify(keyset('keys'), quiet, never)).rejects.toThrow(
      /cannot read [0-9a-f]{12}, a part .*ENOENT/,
    );
    writeFileSync(path, whole);
    const exchanged = changed('keys', ({ parts: [a, b, ...rest] }) => ({ parts: [b, a, ...rest] }));
    await expect(engine.verify(keyset('keys', exchanged), quiet, never)).rejects.toThrow(/holds .*, expected/);
  });

  it.each<[string, (list: KeyList) => object, RegExp]>([
    ['fewer keys than the plan', ({ keys }) => ({ keys: keys.slice(1) }), /another plan/],
    ['another plan', () => ({ plan: 'a'.repeat(64) }), /another plan/],
    ['other parameters', () => ({ parametersDigest: 'a'.repeat(64) }), /of parameters/],
    ['another key', () => ({ key: 'b'.repeat(32) }), /the list is of plan .* and key bbbbbbbbbbbb/],
    ['a part too few', ({ parts }) => ({ parts: parts.slice(1) }), /has \d+ parts, its keys have/],
    ['a field more', () => ({ note: 'hello' }), /is no list/],
  ])('refuses a list of %s', async (_, change, why) => {
    await expect(engine.verify(keyset('keys', changed('keys', change)), quiet, never)).rejects.toThrow(why);
  }); // biome-ignore format: pairs

  it('refuses where no program of the plan is served any more, and stops when asked', async () => {
    expect(await engine.verify({ ...keyset('keys'), programs: [] }, quiet, never)).toMatchObject({ ok: false });
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(engine.verify(keyset('keys'), quiet, stop)).rejects.toThrow('enough');
  });

  it('below 128 bits it refuses unless its own code accepted that', async () => {
    using secure = new ProgramEngine();
    await expect(secure.verify(keyset('keys'), quiet, never)).rejects.toThrow(/refused/);
  });
});
