// Several inputs in the slots of one ciphertext, through the verbs, on an insecure ring.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, imageValues, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { ResourceError } from '@cipherformer/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureCli as cli } from './cli.ts';
import { insecureParameters, tinyModel } from './tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'encrypted-batch-'));
const at = (name: string) => join(folder, name);
const batch = 4;
const model = tinyModel(3);
const images = [0, 1, 2].map((k) => Array.from({ length: 16 }, (_, i) => (i * 37 + k * 91) % 256));
const expected = images.map((pixels) => [...evaluate(model.graph, prepareInput(model, { pixels }))]);
const size = Math.max(...expected.flat().map(Math.abs));
/** The second image, as the model takes it, so many times as large. */
function timesImage(factor: number): number[] {
  if (model.preprocess.kind !== 'image') throw new TypeError('the tiny model takes images');
  return Array.from(imageValues(model.preprocess, { pixels: images[1]! }), (value) => factor * value);
}

interface Answers {
  readonly results: readonly { readonly inRange: boolean; readonly reason?: string; readonly logits?: number[] }[];
}

afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeAll(async () => {
  savePolynomialModel(at('model'), model);
  await writeProgram(at('model'), at('program'), { batch }, insecureParameters());
  await cli('keygen', at('program'), '--out', at('keys'));
  for (const [k, pixels] of images.entries()) writeFileSync(at(`${k}.json`), JSON.stringify({ pixels }));
});

/** Encrypts these files together, runs, decrypts. */
async function ask(files: readonly string[], ...decrypt: string[]) {
  const keys = ['--keys', at('keys/secret')];
  // Outputs are never replaced.
  for (const name of ['in.bin', 'out.bin']) rmSync(at(name), { force: true });
  const encrypted = await cli('encrypt', at('program'), ...keys, '--input', ...files.map(at), '--out', at('in.bin'));
  expect([encrypted.code, encrypted.err]).toEqual([0, expect.stringMatching(/^next: /)]);
  const ran = await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('in.bin'), '--out', at('out.bin')); // biome-ignore format: short
  expect(ran.code).toBe(0);
  return cli('decrypt', at('program'), ...keys, '--input', at('out.bin'), '--request', at('in.bin'), ...decrypt);
}

function expectRight(logits: readonly number[] | undefined, k: number): void {
  expect(logits?.length).toBe(3);
  for (const [i, logit] of logits!.entries()) expect(Math.abs(logit - expected[k]![i]!)).toBeLessThan(1e-3 * size);
}

describe('a batch of inputs in one insecure program', () => {
  it('answers three inputs at once, each by its own logits', async () => {
    const { code, out } = await ask(['0.json', '1.json', '2.json'], '--json', '--reveal');
    expect(code).toBe(0);
    const { results } = JSON.parse(out) as Answers;
    expect(results.map(({ inRange }) => inRange)).toEqual([true, true, true]);
    for (const [k, { logits }] of results.entries()) expectRight(logits, k);
  });

  // A little out of range: further out, the sentinel itself wraps around and spoils the answers of all.
  it('says which input left the range; the others keep their answers', async () => {
    writeFileSync(at('far.json'), JSON.stringify({ image: timesImage(3.8) }));
    const { code, out, err } = await ask(['0.json', 'far.json', '2.json'], '--json', '--reveal');
    expect([code, err]).toEqual([3, expect.stringContaining('input 2 left the range')]);
    expect(err).not.toMatch(/input [134] left/);
    const { results } = JSON.parse(out) as Answers;
    expect(results.map(({ inRange }) => inRange)).toEqual([true, false, true]);
    expect(results[1]!.logits).toBeUndefined();
    for (const k of [0, 2]) expectRight(results[k]!.logits, k);
  });

  it.each([8, 30, 1000])('an input %i times too large may spoil the others, never unnoticed', async (factor) => {
    writeFileSync(at('far.json'), JSON.stringify({ image: timesImage(factor) }));
    const { code, out } = await ask(['0.json', 'far.json', '2.json'], '--json', '--reveal');
    expect(code).toBe(3);
    const { results } = JSON.parse(out) as Answers;
    expect(results[1]!.inRange).toBe(false);
    for (const k of [0, 2]) if (results[k]!.inRange) expectRight(results[k]!.logits, k);
  });

  it('prints a table an input', async () => {
    const { out } = await ask(['0.json', '1.json'], '--reveal');
    expect(out).toMatch(/input 1: class[\s\S]*input 2: class/);
    expect(out).not.toContain('input 3');
    expect((await ask(['0.json', '1.json'])).out).toMatch(/^input 1: \w+ \(in range\)\ninput 2: \w+ \(in range\)\n$/);
  });

  it('refuses more inputs than fit', async () => {
    const files = Array.from({ length: batch + 1 }, () => at('0.json'));
    const many = await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', ...files, '--out', at('no.bin')); // biome-ignore format: short
    expect([many.code, many.err]).toEqual([2, expect.stringContaining('computes 4 at once')]);
  });

  it('explain tells the time of an input', async () => {
    const { out } = await cli('explain', at('program'));
    expect(out).toMatch(/inputs at once\s*│\s*4/);
    expect(out).toMatch(/s an input/);
    const { batch: found, secondsPerInput, total } = JSON.parse((await cli('explain', at('program'), '--json')).out);
    expect([found, secondsPerInput]).toEqual([batch, total.seconds / batch]);
  });

  it('the throughput objective takes the batch of least time an input', async () => {
    await writeProgram(at('model'), at('many'), { batch: 'throughput' }, insecureParameters());
    const { batch: chosen, predicted } = JSON.parse(readFileSync(at('many/client/manifest.json'), 'utf8'));
    expect(chosen).toBeGreaterThan(1);
    const { predicted: four } = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    expect(predicted.cpuSeconds / chosen).toBeLessThanOrEqual(four.cpuSeconds / batch);
    // Twice as many are refused, or take longer each.
    const twice = writeProgram(at('model'), at('twice'), { batch: 2 * chosen }, insecureParameters());
    const perInput = await twice.then(
      ({ manifest }) => manifest.predicted.cpuSeconds / (2 * chosen),
      () => Number.POSITIVE_INFINITY,
    );
    expect(perInput).toBeGreaterThanOrEqual(predicted.cpuSeconds / chosen);
  });

  it('the throughput objective keeps to a limit of memory; a program that cannot is refused, and nothing is written', async () => {
    const batchWith = async (memoryBytes: number) => {
      const limit = { batch: 'throughput', memoryBytes } as const;
      const out = at(`limit-${memoryBytes}`);
      return (await writeProgram(at('model'), out, limit, insecureParameters())).manifest;
    };
    const free = await batchWith(2 ** 50);
    const exact = await batchWith(free.predicted.peakBytes);
    expect(exact.batch).toBe(free.batch);
    const less = await batchWith(free.predicted.peakBytes - 1);
    expect(less.predicted.peakBytes).toBeLessThan(free.predicted.peakBytes);
    expect(less.batch).not.toBe(free.batch);
    await expect(batchWith(1)).rejects.toThrow(
      /takes up to .* of memory, 0\.00 GiB are allowed: .*nothing was written/,
    );
    const asked = { batch: 1, memoryBytes: 1 };
    await expect(writeProgram(at('model'), at('limit-1'), asked, insecureParameters())).rejects.toThrow(ResourceError);
    const left = readdirSync(folder).filter((name) => name === 'limit-1' || name.endsWith('.partial'));
    expect(left).toEqual([]);
  });
});
