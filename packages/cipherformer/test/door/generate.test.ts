// A language model that goes on with a prompt under encryption, on an insecure ring: its text is that of the model in clear.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import { Client, compile, connect, isCipherformerError, Server } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateClear } from '../../src/evaluate/generate-clear.ts';
import { insecureCli } from '../commands/cli.ts';
import { generationParameters, tinyLlama, tinyTokens } from './tiny-llama.ts';

const folder = mkdtempSync(join(tmpdir(), 'generate-'));
const at = (name: string) => join(folder, name);
const tokens = tinyTokens;
const parameters = generationParameters();

beforeAll(() => savePolynomialModel(at('model'), tinyLlama()));
afterAll(() => rmSync(folder, { recursive: true }));

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (isCipherformerError(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('generation', () => {
  it('gives the text of the model in clear, drawn or not, and refuses what does not fit', async () => {
    const model = loadPolynomialModel(at('model'));
    await using connection = await connect(at('model'), { generation: true, parameters, insecure: true });
    for (const draw of [{ temperature: 0 }, { temperature: 1, topK: 5, seed: 7 }]) {
      const expected = generateClear(model, 'whale', { tokens: 4, seed: 1, ...draw });
      const generation = connection.generate('whale', { tokens: 4, ...draw });
      const ids: number[] = [];
      let text = '';
      for (;;) {
        const { done, value } = await generation.next();
        if (done) {
          expect(value).toMatchObject({ reason: 'length', ids });
          break;
        }
        ids.push(value.id);
        text += value.text;
      }
      expect(ids).toEqual(expected.ids);
      expect(expected.text.startsWith(text)).toBe(true);
    }
    const prompt = Array.from({ length: tokens }, () => 1);
    expect(await failure(() => connection.generate(prompt, { tokens: 2 }).next())).toBe('prompt-too-long');
    expect(await failure(() => connection.generate([], { tokens: 2 }).next())).toBe('prompt-too-long');
  }, 120_000);

  it('the verb generate: the same text, in clear and encrypted; out of range it ends with 3', async () => {
    using program = await compile(at('model'), { folder: at('asked'), generation: true, parameters });
    const clear = await insecureCli('generate', program.folder, 'whale', '--tokens', '2', '--clear', '--json');
    const encrypted = await insecureCli('generate', program.folder, 'whale', '--tokens', '2', '--json');
    expect([encrypted.code, encrypted.err]).toEqual([0, expect.stringContaining('all tokens that were asked for')]);
    const { ids, reason } = JSON.parse(encrypted.out);
    expect([ids, reason]).toEqual([JSON.parse(clear.out).ids, 'length']);
    // A bound that every logit passes: what a program says whose input left its range.
    const path = at('asked/client/manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    const outputs = manifest.outputs.map((output: { name: string; limit: number }) => ({ ...output, limit: 1e-9 }));
    writeFileSync(path, JSON.stringify({ ...manifest, outputs }));
    const out = await insecureCli('generate', program.folder, 'whale', '--tokens', '2', '--json');
    const { error, reason: why } = JSON.parse(out.out);
    expect([out.code, why, error.code]).toEqual([3, 'out-of-range', 'check-failed']);
  }, 120_000);

  it('steps are taken once and in order, by the owner of the prompt', async () => {
    using program = await compile(at('model'), { folder: at('program'), generation: true, parameters });
    await using owner = await Client.create(program, { insecure: true });
    await using other = await Client.create(program, { insecure: true });
    await using server = await Server.load(program, { insecure: true });
    const keys = await server.loadKeys(owner.evaluationKeys());
    const others = await server.loadKeys(other.evaluationKeys());
    const requests: Uint8Array<ArrayBuffer>[] = [];
    const exchange = (request: Uint8Array<ArrayBuffer>) => {
      requests.push(request);
      return server.run(keys, request);
    };
    const generation = owner.generate([5, 6], exchange, { tokens: 7 });
    for (let step = 0; step < 3; step++) await generation.next();
    expect(await failure(() => server.run(keys, requests[1]!))).toBe('wrong-step');
    expect(await failure(() => server.run(others, requests[1]!))).toBe('wrong-key-or-program');
    // Anybody can say that evaluation keys are the owner's.
    const parts = other.evaluationKeys();
    const forged = await server.loadKeys({
      key: keys.key,
      [Symbol.asyncIterator]: () => parts[Symbol.asyncIterator](),
    });
    expect(await failure(() => server.run(forged, requests[2]!))).toBe('cache-gone');
    await using elsewhere = await Server.load(at('program'), { insecure: true });
    const there = await elsewhere.loadKeys(owner.evaluationKeys());
    expect(await failure(() => elsewhere.run(there, requests[1]!))).toBe('cache-gone');
    // The owner's next token is taken all the same.
    expect((await generation.next()).done).toBe(false);
    expect(await failure(() => owner.encrypt({ ids: [5, 6] }).then((request) => server.run(keys, request)))).toBe(
      'damaged-file',
    );
  }, 120_000);
});
