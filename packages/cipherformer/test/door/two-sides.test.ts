// The two sides of a program apart, as the library gives them, on an insecure ring.
import { statSync, writeFileSync } from 'node:fs';
import * as door from 'cipherformer';
import { Client, compile, isCipherformerError, type Program, Server, type ServerKeys } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';
import { png } from '../input/png.ts';
import { best, inClear, pixels, scratch, tolerance } from './support.ts';

const { at, dispose } = scratch();
let program: Program;
let client: Client;
let server: Server;
let keys: ServerKeys;

beforeAll(async () => {
  program = await compile(at('model'), { folder: at('program'), parameters: insecureParameters() });
  client = await Client.create(program, { insecure: true });
  server = await Server.load(program, { insecure: true });
  keys = await server.loadKeys(client.evaluationKeys());
  writeFileSync(at('digit.png'), png(4, 4, 1, pixels));
}, 60_000);

afterAll(async () => {
  await client.close();
  await server.close();
  program.close();
  dispose();
});

/** What a promise or a call fails with, as programs see it. */
const failure = async (work: () => unknown): Promise<{ code: string; message: string; hint: string }> => {
  try {
    await work();
  } catch (error) {
    if (isCipherformerError(error)) return error;
    throw error;
  }
  throw new Error('nothing failed');
};

const close = (logits: readonly number[] | undefined) => {
  expect(logits?.length).toBe(inClear.length);
  for (const [k, logit] of inClear.entries()) expect(Math.abs(logits![k]! - logit)).toBeLessThan(tolerance);
};

describe("import 'cipherformer'", () => {
  it('gives these names', () => {
    expect(Object.keys(door).sort()).toEqual([
      'Client', 'PolynomialModel', 'Program', 'Server', 'compile', 'connect', 'convert', 'datasets', 'isCipherformerError', 'loadModel', 'serve',
    ]); // biome-ignore format: a list
  });
});

describe('client and server', () => {
  it('answer a question between them', async () => {
    // The owner of the data, with the secret key.
    const owner = await Client.create(at('program/client'), { secret: at('keys/secret'), insecure: true });
    // The owner of the model, without it.
    const host = await Server.load(at('program'), { insecure: true });
    const theirs = await host.loadKeys(owner.evaluationKeys());
    const request = await owner.encrypt({ pixels });
    const result = await host.run(theirs, request.bytes);
    await host.close();
    const [answer] = await owner.decrypt(result, request);
    await owner.close();
    expect([answer!.label, answer!.inRange]).toEqual([best, true]);
    close(answer!.reveal().logits);
    expect(statSync(at('keys/secret')).mode & 0o777).toBe(0o600);
  });

  it('the manifest alone makes a client of images', async () => {
    const { manifest } = program;
    const owner = await Client.create(manifest, { insecure: true });
    expect(owner.manifest).toEqual(manifest);
    const request = await owner.encrypt(new Blob([png(4, 4, 1, pixels).slice()]));
    const theirs = await server.loadKeys(owner.evaluationKeys());
    const [answer] = await owner.decrypt(await server.run(theirs, request), request);
    expect(answer!.label).toBe(best);
    await owner.close();
    const texts = { ...manifest, files: { 'embedding.safetensors': '0'.repeat(64) } };
    expect((await failure(() => Client.create(texts, { insecure: true }))).message).toContain('embedding.safetensors');
  });

  it('take an image as its file, and refuse one of another size unless it may be scaled', async () => {
    const image = png(4, 4, 1, pixels);
    const request = await client.encrypt(image);
    const [answer] = await client.decrypt(await server.run(keys, request), request);
    close(answer!.reveal().logits);
    const large = png(
      8,
      8,
      1,
      Array.from({ length: 64 }, () => 9),
    );
    expect((await failure(() => client.encrypt(large))).message).toMatch(
      /8 x 8 pixels, the model takes 4 x 4: resize it/,
    );
    const resizing = await Client.create(program, { resize: true, insecure: true });
    await expect(resizing.encrypt(large)).resolves.toMatchObject({ examples: 1 });
    await resizing.close();
  });

  it('know the size of the keys before any is made, leave out those that are there, and say how far they are', async () => {
    const all = client.evaluationKeys();
    const parts = [];
    for await (const part of all) parts.push(part);
    expect([parts.length, parts.reduce((sum, { bytes }) => sum + bytes.length, 0)]).toEqual([all.parts, all.bytes]);
    expect(all.bytes).toBe(program.manifest.keys.wireBytes);
    const have = new Set(parts.slice(1).map(({ sha256 }) => sha256));
    const missing = [];
    const seen: number[] = [];
    for await (const { index } of client.evaluationKeys({ have, progress: ({ done }) => void seen.push(done) }))
      missing.push(index);
    expect([missing, seen.at(-1)]).toEqual([[0], all.parts]);
    expect((await failure(() => client.evaluationKeys({ maxBytes: 1 }))).message).toContain('are allowed');
  });

  it('follow a run', async () => {
    const steps: [string, boolean][] = [];
    const request = await client.encrypt({ pixels });
    await server.run(keys, request, { progress: ({ what, done, total }) => void steps.push([what, done === total]) });
    expect(steps.length).toBeGreaterThan(10);
    expect([...new Set(steps.slice(0, -1).map(String)), String(steps.at(-1))]).toEqual([
      'running,false',
      'running,true',
    ]);
  });

  it('write evaluation keys to a folder, which the server reads, and decrypt for a request that was kept as bytes', async () => {
    const secret = at('kept/secret');
    const owner = await Client.create(program, { secret, insecure: true });
    await owner.writeEvaluationKeys(at('kept/evaluation'));
    expect((await failure(() => owner.writeEvaluationKeys(at('few'), { maxBytes: 1 }))).code).toBe('key-limit');
    const { bytes } = await owner.encrypt({ file: at('digit.png') });
    await owner.close();
    const theirs = await server.loadKeys(at('kept/evaluation'));
    const result = await server.run(theirs, bytes);
    await theirs.close();
    const later = await Client.create(program, { secret: () => secret, insecure: true });
    const [answer] = await later.decrypt(result, bytes);
    expect(answer!.label).toBe(best);
    expect((await failure(() => later.decrypt(result, result))).message).toContain('expected an encrypted input');
    await later.close();
  });

  it('keep a key that was exported, with what it has told', async () => {
    const secret = await client.exportSecret();
    const again = await Client.create(program, { secret, insecure: true });
    expect(again.evaluationKeys().key).toBe(client.evaluationKeys().key);
    await again.close();
    for (const damaged of [secret.slice(0, -1), secret.slice(0, 20), new Uint8Array(0)])
      expect((await failure(() => Client.create(program, { secret: damaged, insecure: true }))).code).toBe(
        damaged.length > 20 ? 'missing-key' : 'bad-bytes',
      );
  });

  it('row 2: keep a key in a store of one’s own, with what it has told', async () => {
    const saved: Uint8Array[] = [];
    const secret = { load: async () => saved.at(-1), save: async (bytes: Uint8Array) => void saved.push(bytes) };
    const first = await Client.create(program, { secret, insecure: true });
    expect(saved.length).toBe(1);
    const theirs = await server.loadKeys(first.evaluationKeys());
    const request = await first.encrypt({ image: pixels.map((value) => 30 * (value / 127.5 - 1)) });
    const result = await server.run(theirs, request);
    expect((await first.decrypt(result, request)).results[0]!.inRange).toBe(false);
    await first.close();
    expect(saved.length).toBe(2);
    const second = await Client.create(program, { secret, insecure: true });
    expect(second.evaluationKeys().key).toBe(theirs.key);
    const told = async (one: Client) => new TextDecoder().decode(await one.exportSecret());
    expect(await told(second)).toContain('"outOfRange":1');
    // Row 2: clients that share a store, one after another and at once.
    const third = await Client.create(program, { secret, insecure: true });
    await second.decrypt(result, request);
    await Promise.all([second, third].map((one) => one.decrypt(result, request)));
    for (const one of [second, third]) expect(await told(one)).toContain('"outOfRange":4');
    saved.length = 0;
    expect((await failure(() => third.decrypt(result, request))).code).toBe('missing-key');
    await second.close();
    await third.close();
    await theirs.close();
  });
});

describe('the wrong way', () => {
  it('a secret key handed to the server is refused', async () => {
    const bytes = await client.exportSecret();
    const asKeys = await failure(() => server.loadKeys(bytes as never));
    const asPart = await failure(() =>
      server.loadKeys({ key: keys.key, async *[Symbol.asyncIterator]() { yield { index: 0, sha256: '', bytes }; } }),
    ); // biome-ignore format: short
    const asRequest = await failure(() => server.run(keys, bytes));
    for (const { code, message } of [asKeys, asPart, asRequest]) {
      expect(code).toBe('damaged-file');
      expect(message).toMatch(/is a secret key, which never belongs/);
    }
  });

  it('a request or a result of another program is refused', async () => {
    const other = await compile(at('model'), { folder: at('other'), batch: 2, parameters: insecureParameters() });
    const stranger = await Client.create(other, { insecure: true });
    const [request] = await stranger.encrypt([{ pixels }, { pixels }]);
    expect((await failure(() => server.run(keys, request!))).code).toBe('wrong-key-or-program');
    const mine = await client.encrypt({ pixels });
    const result = await server.run(keys, mine);
    expect((await failure(() => stranger.decrypt(result, request!))).code).toBe('mismatched-result');
    expect((await failure(async () => client.decrypt(result, await client.encrypt({ pixels })))).code).toBe(
      'mismatched-result',
    );
    await stranger.close();
    other.close();
  });

  it('keys that are damaged, of another program, or not whole are refused', async () => {
    const changed = async function* () {
      for await (const part of client.evaluationKeys()) yield { ...part, bytes: part.bytes.fill(1, 500, 501) };
    };
    const { key } = keys;
    const damaged = await failure(() => server.loadKeys({ key, [Symbol.asyncIterator]: changed }));
    expect([damaged.code, damaged.message]).toEqual(['damaged-file', expect.stringContaining('part 0')]);
    const short = await failure(() => server.loadKeys({ key, async *[Symbol.asyncIterator]() {} }));
    expect(short.code).toBe('wrong-key-or-program');
    expect((await failure(() => server.loadKeys(client as never))).code).toBe('bad-usage');
  });

  it('what is closed says so', async () => {
    const gone = await Client.create(program, { insecure: true });
    const request = await gone.encrypt({ pixels });
    const making = gone.evaluationKeys()[Symbol.asyncIterator]();
    await making.next();
    await gone.close();
    await gone.close();
    const closed = [() => gone.encrypt({ pixels }), () => gone.evaluationKeys(), () => gone.decrypt(new Uint8Array(9), request), () => making.next()]; // biome-ignore format: short
    for (const call of closed) expect(await failure(call)).toMatchObject({ code: 'bad-usage', message: expect.stringContaining('is closed') });
    const host = await Server.load(program, { insecure: true });
    const theirs = await host.loadKeys(client.evaluationKeys());
    await theirs.close();
    expect((await failure(() => host.run(theirs, request))).message).toContain('these keys are closed');
    expect((await failure(() => host.run(keys, request))).message).toContain('of another server');
    await host.close();
    expect((await failure(() => host.run(theirs, request))).message).toContain('is closed');
    const folder = await door.Program.load(at('program'), { insecure: true });
    folder.close();
    expect((await failure(() => Server.load(folder, { insecure: true }))).message).toContain('is closed');
  }); // biome-ignore format: short

  it('an aborted run ends with its reason, and the next one is answered', async () => {
    const request = await client.encrypt({ pixels });
    const stop = new AbortController();
    const progress = () => stop.abort(new Error('enough'));
    await expect(server.run(keys, request, { signal: stop.signal, progress })).rejects.toThrow('enough');
    await expect(server.loadKeys(client.evaluationKeys(), { signal: stop.signal })).rejects.toThrow('enough');
    const [answer] = await client.decrypt(await server.run(keys, request), request);
    expect(answer!.label).toBe(best);
  });

  it('nothing below 128-bit security without the caller’s own word', async () => {
    expect((await failure(() => Client.create(program))).message).toContain('its parameters are refused');
    expect((await failure(() => door.Program.load(at('program')))).message).toContain('its parameters are refused');
  });
});
