// A conversion of the command line that is stopped in each of its phases, by Ctrl-C and by kill -9: it ends soon with a message that
// says how to go on, and the same command ends with the model that an undisturbed one makes, to the last byte.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bertConfig, initialWeights, saveModel } from '@cipherformer/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';

const folder = mkdtempSync(join(tmpdir(), 'convert-stopped-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));
const program = join(import.meta.dirname, '../../bin/cipherformer.js');

const words = ['good', 'bad', 'film', 'plot', 'the', 'was'];
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words];

beforeAll(() => {
  const config = bertConfig({ vocabulary: entries.length, maxTokens: 16, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' }); // biome-ignore format: one model
  const preprocess = { classes: ['no', 'yes'] };
  saveModel(at('model'), { config, weights: initialWeights(config, 1), preprocess }, wordPieceFiles(entries));
  const row = (i: number) => `${words[(i * 5) % 6]} ${words[i % 6]} ${words[(i * i) % 6]},${['no', 'yes'][i % 2]}`;
  writeFileSync(at('table.csv'), `text,label\n${Array.from({ length: 4000 }, (_, i) => row(i)).join('\n')}\n`);
}, 60_000);

interface Running {
  readonly child: ChildProcess;
  /** What it has written to stderr so far. */
  said(): string;
}

function start(out: string): Running {
  let said = '';
  const child = spawn(process.execPath, [program, 'convert', at('model'), '--data', at('table.csv'), '--quick', '--tokens', '8', '--out', at(out)]); // biome-ignore format: a command
  child.stderr.on('data', (piece) => (said += piece));
  child.stdout.resume();
  return { child, said: () => said };
}

async function ended({ child }: Running): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

/** Waits until something is so, or the process has ended. */
async function untilSo({ child }: Running, isSo: () => boolean): Promise<void> {
  while (!isSo() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** When a phase has begun. */
const phases = [
  { name: 'loading or reading', begun: () => true },
  { name: 'timing', begun: ({ said }: Running) => said().includes('held out') },
  { name: 'the original', begun: (_: Running, out: string) => existsSync(join(at(out), 'recipe.json')) },
  { name: 'a stage', begun: (_: Running, out: string) => existsSync(join(at(out), 'stages/2')) },
  { name: 'measuring', begun: ({ said }: Running) => said().includes('measuring') },
  { name: 'the export', begun: (_: Running, out: string) => existsSync(join(at(out), 'trained/config.json')) },
] as const; // biome-ignore format: a line each

const modelOf = (out: string) =>
  ['polynomial.json', 'model.safetensors'].map((name) => readFileSync(join(at(out), name)).toString('base64'));

describe('a conversion that is stopped', () => {
  beforeAll(async () => {
    expect(await ended(start('whole'))).toBe(0);
  }, 120_000);

  it.each(phases)('while $name: Ctrl-C ends it soon, and the same command goes on', async ({ name, begun }) => {
    const out = `interrupted ${name}`;
    const running = start(out);
    await untilSo(running, () => begun(running, out));
    // Nothing tells from outside when reading begins.
    if (name === 'loading or reading') await new Promise((resolve) => setTimeout(resolve, 3000));
    const stopped = performance.now();
    running.child.kill('SIGINT');
    const code = await ended(running);
    expect(performance.now() - stopped).toBeLessThan(10_000);
    // It may have come to its end just before; one that is still being loaded is ended by the signal itself, with nothing begun.
    const unbegun = running.child.signalCode === 'SIGINT' && !existsSync(at(out));
    if (code !== 0 && !unbegun) expect([code, running.said()]).toEqual([130, expect.stringMatching(/interrupted: (nothing was written by halves; run it again|.*the same command goes on where it stopped)/)]);
    expect(await ended(start(out))).toBe(0);
    expect(modelOf(out)).toEqual(modelOf('whole'));
  }, 120_000); // biome-ignore format: lines

  it.each(phases)('while $name: what kill -9 leaves is gone on from, and nothing half-written is trusted', async ({ name, begun }) => {
    const out = `killed ${name}`;
    const running = start(out);
    await untilSo(running, () => begun(running, out));
    running.child.kill('SIGKILL');
    await ended(running);
    // Only what is whole is called finished.
    if (existsSync(join(at(out), 'conversion.json'))) expect(modelOf(out)).toEqual(modelOf('whole'));
    expect(await ended(start(out))).toBe(0);
    expect(modelOf(out)).toEqual(modelOf('whole'));
  }, 120_000); // biome-ignore format: lines
});
