import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Build, type RunVerb } from '../../src/bench/build.ts';
import { ModelUnderTest, type Question } from '../../src/bench/whole-run.ts';
import { insecureCli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'whole-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const model = tinyModel(3);
const question = (start: number): Question => {
  const input = { pixels: Array.from({ length: 16 }, (_, i) => (start + i * 37) % 256) };
  return { input, expected: evaluate(model.graph, prepareInput(model, input)) };
};

/** The verbs in this process, on a ring for tests. */
const ours: RunVerb = async (argv) => {
  if (argv[0] === 'compile' && argv[1] !== '--help') {
    const { manifest } = await writeProgram(argv[1]!, argv[3]!, { batch: 1 }, insecureParameters());
    return JSON.stringify(manifest);
  }
  const { out, err, code } = await insecureCli(...argv);
  if (code !== 0) throw new Error(err);
  return out;
};

/** The first builds: decrypt takes one option less than it has to today, and its answer is no list. */
const older: RunVerb = async (argv) => {
  if (argv[0] !== 'decrypt') return ours(argv, signal);
  if (argv[1] === '--help') return '--force --json';
  expect(argv).not.toContain('--request');
  const request = argv[argv.indexOf('--input') + 1]!.replace(/result$/, 'request');
  const { results } = JSON.parse(await ours([...argv, '--request', request, '--reveal'], signal));
  return JSON.stringify({ trusted: results[0].inRange, logits: results[0].logits });
};

beforeAll(() => savePolynomialModel(join(folder, 'model'), model));

describe('a model asked by the verbs of a build', () => {
  for (const [name, run] of [['this one', ours], ['an older one', older]] as const)
    it(`${name}: answers as in clear, bytes of the files, figures of every question`, async () => {
      const place = join(folder, name);
      mkdirSync(place);
      const under = new ModelUnderTest(new Build(run), place, signal);
      await under.prepare(join(folder, 'model'));
      const questions = [question(0), question(11)];
      for (const one of questions) await under.ask(one);
      const measured = under.measured('tiny');
      expect(measured).toMatchObject({ name: 'tiny', agree: 2, of: 2 });
      expect(measured.worstDifference).toBeGreaterThan(0);
      expect(measured.worstDifference).toBeLessThan(1e-2);
      expect(measured.coldSeconds).toBeGreaterThan(measured.warmSeconds);
      expect(measured.requestBytes).toBe(statSync(join(place, 'request')).size);
      const { keys, predicted } = JSON.parse(readFileSync(join(place, 'program/client/manifest.json'), 'utf8'));
      expect(measured.bootstraps).toBe(predicted.bootstraps);
      // What travels, and the list of it.
      expect(measured.wireBytes - keys.wireBytes).toBeGreaterThan(0);
      expect(measured.wireBytes - keys.wireBytes).toBeLessThan(2 ** 16);
    }); // biome-ignore format: pairs

  it('counts an answer that differs, and one out of range, as none', async () => {
    const place = join(folder, 'wrong');
    mkdirSync(place);
    const out: RunVerb = async (argv) => {
      const text = await ours(argv, signal);
      return argv[0] === 'decrypt' ? text.replace('"inRange":true', '"inRange":false') : text;
    };
    const under = new ModelUnderTest(new Build(out), place, signal);
    await under.prepare(join(folder, 'model'));
    await under.ask(question(0));
    expect(under.measured('tiny')).toMatchObject({ agree: 0, of: 1 });
    const inverted = new ModelUnderTest(new Build(ours), place, signal);
    const { input, expected } = question(0);
    await inverted.ask({ input, expected: Array.from(expected, (x) => -x) });
    expect(inverted.measured('tiny')).toMatchObject({ agree: 0, of: 1 });
    expect(inverted.measured('tiny').worstDifference).toBeGreaterThan(0.1);
  });

  it('refuses what a build prints otherwise, and a folder without a build', async () => {
    const strange = new ModelUnderTest(new Build(async () => '{"predicted":1}'), folder, signal);
    await expect(strange.prepare(join(folder, 'model'))).rejects.toThrow('other JSON than this build knows');
    expect(() => Build.at(folder)).toThrow('is no checkout of cipherformer');
  });
});

describe('a process of another build', () => {
  it('gives its output and its processor time, and an error with what it said', async () => {
    const build = Build.at(join(import.meta.dirname, '../../../..'));
    const { stdout, cpuSeconds } = await build.verb(['--help'], signal);
    expect(stdout).toContain('Usage: cipherformer');
    if (process.platform === 'linux') expect(cpuSeconds).toBeGreaterThan(0.02);
    await expect(build.verb(['compile', join(folder, 'none'), '--out', join(folder, 'x')], signal)).rejects.toThrow(
      /compile failed: .*none/,
    );
  });
});
