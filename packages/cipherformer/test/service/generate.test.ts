// A language model behind a service that goes on with a prompt, and what it refuses: everything that is not the next step.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretKey, wireBytes } from '@cipherformer/ckks';
import { generateTokens, JobFailed, ServiceSession, Transport } from '@cipherformer/client';
import { writeProgram } from '@cipherformer/compiler';
import { noToken, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { encryptInputs, MemoryVerdictLedger, VolatilePartMemory } from '@cipherformer/runtime/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateClear } from '../../src/evaluate/generate-clear.ts';
import { insecureCli } from '../commands/cli.ts';
import { generationParameters, tinyLlama, tinyTokens } from '../door/tiny-llama.ts';
import { bundled, startInsecure } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'generate-service-'));
const at = (name: string) => join(folder, name);
const model = tinyLlama();
let files: Awaited<ReturnType<typeof bundled>>;
let started: Awaited<ReturnType<typeof startInsecure>>;

beforeAll(async () => {
  files = await bundled();
  savePolynomialModel(at('model'), model);
  await writeProgram(at('model'), at('program'), { generation: true }, generationParameters());
  started = await startInsecure(files.worker, { folders: [at('program')], data: at('data') });
}, 120_000);
afterAll(async () => {
  await started?.service.close();
  files?.dispose();
  rmSync(folder, { recursive: true });
});

/** A person with a key of their own: a session, the keys sent, and requests as they like. */
async function person(url: string) {
  const session = await ServiceSession.open(new Transport(url), { insecure: true });
  const secret = SecretKey.create(session.context);
  const owner = { secret, memory: new VolatilePartMemory(), ledger: new MemoryVerdictLedger() };
  const keyset = await session.ensureKeys(owner);
  const { manifest, preparation } = session.client;
  const exchange = (request: Uint8Array<ArrayBuffer>) => session.exchange(keyset, request);
  const refusal = async (request: Uint8Array<ArrayBuffer>) => {
    const error = await exchange(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JobFailed);
    return { problem: (error as JobFailed).problem, message: (error as JobFailed).message };
  };
  return {
    session, owner, exchange, refusal,
    step: async (prompt: string, position: number) => wireBytes(await encryptInputs(secret, manifest, [noToken(preparation)], { kind: 'next', prompt, position })),
    prompt: async (count: number) => wireBytes(await encryptInputs(secret, manifest, [prepareInput(preparation, { ids: [1, 2] })], { kind: 'prompt', count })),
    [Symbol.dispose]() {
      secret[Symbol.dispose]();
      session.close();
    },
  };
} // biome-ignore format: short

it('goes on as in clear, and after every refusal; a step is taken once, in order, by the owner of its prompt', async () => {
  const { url } = started.service;
  using owner = await person(url);
  using other = await person(url);
  const sent: Uint8Array<ArrayBuffer>[] = [];
  const kept = async (request: Uint8Array<ArrayBuffer>) => {
    sent.push(request);
    const result = await owner.exchange(request);
    return (async function* () { yield result; })(); // biome-ignore format: short
  };
  const given = [5, 6];
  const expected = generateClear(model, given, { tokens: 4, seed: 1, temperature: 0 });
  const generation = generateTokens(owner.session.client, owner.owner, given, kept, { tokens: 4 });
  const ids: number[] = [];
  const next = async () => {
    const { value, done } = await generation.next();
    if (!done) ids.push(value.id);
  };
  await next();
  await next();
  const prompt = createHash('sha256').update(sent[0]!).digest('hex');

  // Replayed, out of order, of another owner, after a prompt that never was, longer than what is kept.
  expect(await owner.refusal(sent[1]!)).toEqual({ problem: 'wrong-step', message: expect.stringMatching(/position 2 does not follow: 3 are kept/) });
  expect(await owner.refusal(await owner.step(prompt, 5))).toMatchObject({ problem: 'wrong-step' });
  expect(await other.refusal(await other.step(prompt, 3))).toEqual({ problem: 'cache-gone', message: expect.stringMatching(/nothing is kept for the prompt .* begin again with the prompt/) });
  expect(await owner.refusal(await owner.step('ab'.repeat(32), 3))).toMatchObject({ problem: 'cache-gone' });
  expect(await owner.refusal(await owner.step(prompt, tinyTokens))).toMatchObject({ message: expect.stringMatching(/the token 8, this program takes 8 in all/) });
  expect(await owner.refusal(await owner.prompt(tinyTokens + 1))).toMatchObject({ message: expect.stringMatching(/brings 9 tokens, this program takes 8 in all: shorten the prompt/) });

  // Nothing was lost by any of it.
  await next();
  await next();
  expect(ids).toEqual(expected.ids);

  // What is kept goes with the process that computes: as an expired cache it is gone, and the prompt begins again.
  for (const worker of started.workers) worker.kill('SIGKILL');
  expect(await owner.refusal(await owner.step(prompt, 5))).toMatchObject({ problem: 'cache-gone' });
  const again = generateTokens(owner.session.client, owner.owner, given, kept, { tokens: 1 });
  expect((await again.next()).value).toMatchObject({ id: expected.ids[0] });
}, 240_000); // biome-ignore format: lines

it('the verb generate asks a service, and tells a prompt that is too long before keys are made', async () => {
  const { url } = started.service;
  const clear = await insecureCli('generate', at('program'), 'whale', '--tokens', '2', '--clear', '--json');
  const encrypted = await insecureCli('generate', url, 'whale', '--tokens', '2', '--json');
  expect([encrypted.code, JSON.parse(encrypted.out).ids]).toEqual([0, JSON.parse(clear.out).ids]);
  const long = await insecureCli('generate', url, 'whale', '--tokens', '9', '--json');
  expect([long.code, JSON.parse(long.out).error.code]).toEqual([1, 'prompt-too-long']);
}, 120_000);
