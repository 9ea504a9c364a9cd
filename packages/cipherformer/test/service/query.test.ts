// The first question from end to end on the command line: a service as `serve` starts it and `query`, on an insecure ring.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nameOfPart, type SecretKey } from '@cipherformer/ckks';
import {
  type KeyList,
  ServiceError,
  ServiceSession,
  Transport,
  uploadParts,
  VolatileTokens,
} from '@cipherformer/client';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import {
  keySpecsOf,
  MemoryVerdictLedger,
  makeKeyList,
  makeParts,
  VolatilePartMemory,
} from '@cipherformer/runtime/client';
import { FilePartMemory, partMemoryFileOf } from '@cipherformer/runtime/client/files';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSecret } from '../../src/owner/secret-file.ts';
import { insecureCli as cli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';
import { png } from '../input/png.ts';
import { bundled, startInsecure, startProcess, until } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'query-'));
const at = (name: string) => join(folder, name);
const images = [37, 91].map((step) => Array.from({ length: 16 }, (_, i) => (i * step) % 256));
const [pixels] = images as [number[], number[]];
const model = tinyModel(3);
const clear = (input: Parameters<typeof prepareInput>[1]) => [...evaluate(model.graph, prepareInput(model, input))];
const best = (logits: readonly number[]) => ['cat', 'dog', 'bird'][logits.indexOf(Math.max(...logits))]!;

type Running = Awaited<ReturnType<typeof startInsecure>>;
let files: Awaited<ReturnType<typeof bundled>>;
const running: { dispose(): Promise<void> }[] = [];

/** A service on a data folder of its own, which the end of the test stops. */
async function start(data: string, options: Partial<Parameters<typeof startInsecure>[1]> = {}): Promise<Running & { url: string }> {
  const started = await startInsecure(files.worker, { folders: [at('program')], data: at(data), ...options });
  running.push({ dispose: () => started.service.close() });
  return { ...started, url: started.service.url };
} // biome-ignore format: short

const ask = (url: string, keys: string, ...more: string[]) =>
  cli('query', url, '--keys', at(keys), '--image', at('digit.png'), ...more);
const partsIn = (data: string) => at(`${data}/parts/local`);
const partsOf = (data: string) => (existsSync(partsIn(data)) ? readdirSync(partsIn(data)) : []);
const timesOf = (data: string) => new Map(partsOf(data).map((name) => [name, statSync(join(partsIn(data), name)).mtimeMs])); // biome-ignore format: short

/** What a client of one's own does: the pieces of `query` one by one. */
async function withSession<T>(url: string, keys: string, use: (session: ServiceSession, secret: SecretKey, transport: Transport) => Promise<T>): Promise<T> {
  const transport = new Transport(url);
  const session = await ServiceSession.open(transport, { insecure: true });
  try {
    using secret = await openSecret(at(`${keys}/secret`), session.context);
    return await use(session, secret, transport);
  } finally {
    session.close();
  }
} // biome-ignore format: short

beforeAll(async () => {
  files = await bundled();
  savePolynomialModel(at('model'), model);
  await writeProgram(at('model'), at('program'), {}, insecureParameters());
  await writeProgram(at('model'), at('pairs'), { batch: 2 }, insecureParameters());
  for (const [i, image] of images.entries()) writeFileSync(at(['digit.png', 'other.png'][i]!), png(4, 4, 1, image));
  await cli('keygen', at('program'), '--out', at('keys'));
}, 60_000);
afterEach(async () => {
  for (const one of running.splice(0)) await one.dispose();
});
afterAll(() => {
  files?.dispose();
  rmSync(folder, { recursive: true });
});

describe('query', () => {
  it('makes a secret key and keys, sends them, asks, and answers as the polynomial model in clear', async () => {
    const { url } = await start('first');
    const { code, out, err } = await ask(url, 'new-keys', '--json', '--reveal');
    expect([code, err]).toEqual([0, expect.stringMatching(/making and sending keys .*(?:ETA|done in)[\s\S]*encrypting[\s\S]*the service loads the keys .*ETA[\s\S]*the service computes[\s\S]*decrypting/)]);
    const [{ logits, labels, inRange }] = JSON.parse(out).results;
    expect([inRange, labels[0].label]).toEqual([true, best(clear({ pixels }))]);
    const size = Math.max(...clear({ pixels }).map(Math.abs));
    for (const [k, value] of clear({ pixels }).entries()) expect(Math.abs(logits[k] - value)).toBeLessThan(1e-3 * size);
    const names = readdirSync(at('new-keys')).sort();
    expect(names).toEqual(['secret', 'secret.parts', 'secret.verdicts.jsonl']);
    for (const name of names) expect(statSync(at(`new-keys/${name}`)).mode & 0o777).toBe(0o600);
    expect(statSync(at('new-keys')).mode & 0o777).toBe(0o700);
    // The question is gone from the service when it is answered.
    expect(await new Transport(url).jobs()).toEqual([]);

    const before = timesOf('first');
    const second = await ask(url, 'new-keys');
    expect(second).toMatchObject({ code: 0, out: `${best(clear({ pixels }))} (in range)\n` });
    expect(second.err).not.toMatch(/keys/);
    expect(timesOf('first')).toEqual(before);
  }); // biome-ignore format: lines

  it('is answered though the service never says that it removed the question, which it is told once', async () => {
    const { url } = await start('first');
    let told = 0;
    const deaf: typeof fetch = (input, init) => {
      if (init?.method !== 'DELETE') return fetch(input, init);
      told++;
      return new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      });
    };
    const session = await ServiceSession.open(new Transport(url, { fetch: deaf }), { insecure: true });
    try {
      using secret = await openSecret(at('new-keys/secret'), session.context);
      const memory = await FilePartMemory.open(partMemoryFileOf(at('new-keys/secret')), secret.id);
      const { answers } = await session.ask({ secret, memory, ledger: new MemoryVerdictLedger() }, [{ pixels }]);
      expect([answers[0]!.label, told]).toEqual([best(clear({ pixels })), 1]);
    } finally {
      session.close();
    }
  });

  it('gives the logits of the verbs on files, with the keys of keygen, of which it takes the secret', async () => {
    const { url } = await start('by-keygen');
    const logitsOf = ({ out }: { out: string }): number[] => JSON.parse(out).results[0].logits;
    const asked = logitsOf(await ask(url, 'keys', '--json', '--reveal'));
    const { parts } = JSON.parse(readFileSync(at('keys/evaluation/list.json'), 'utf8')) as KeyList;
    // The same keys, byte for byte, wherever they are made.
    expect(partsOf('by-keygen').sort()).toEqual([...parts].sort());
    await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', at('digit.png'), '--out', at('in'));
    await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('in'), '--out', at('out'));
    const byFiles = logitsOf(await cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('out'), '--request', at('in'), '--json', '--reveal')); // biome-ignore format: short
    // Fresh noise each, of the same size.
    for (const [k, value] of byFiles.entries()) expect(Math.abs(asked[k]! - value)).toBeLessThan(1e-3);
  });

  it('an input out of range has no label: exit code 3', async () => {
    const { url } = await start('far');
    const image = pixels.map((value) => 8 * ((value / 255 - 0.5) / 0.5));
    writeFileSync(at('far.json'), JSON.stringify({ image }));
    const { code, out, err } = await cli('query', url, '--keys', at('keys'), '--input', at('far.json'));
    expect([code, out, err]).toEqual([3, '', expect.stringContaining('left the range the model is made for')]);
    const { outOfRange } = JSON.parse(readFileSync(at('keys/secret.verdicts.jsonl'), 'utf8').trim().split('\n').at(-1)!); // biome-ignore format: short
    expect(outOfRange).toBe(1);
    expect((await cli('query', url, '--keys', at('keys'), '--input', at('far.json'), '--reveal', '--force')).code).toBe(0);
  }); // biome-ignore format: lines

  it('asks a batch in the order of the command line, and one of several programs by its digest', async () => {
    const { url, programs } = await start('several', { folders: [at('program'), at('pairs')] });
    const several = await ask(url, 'keys');
    expect([several.code, several.err]).toEqual([1, expect.stringMatching(/serves several programs: choose one of [0-9a-f]{12} \(tiny\), [0-9a-f]{12}/)]); // biome-ignore format: short
    expect((await ask(url, 'keys', '--program', 'xyz')).err).toContain('no program of the service begins with xyz');
    const pairs = programs[1]!.digest.slice(0, 12);
    writeFileSync(at('other.json'), JSON.stringify({ pixels: images[1] }));
    const both = await ask(url, 'keys', '--program', pairs, '--input', at('other.json'));
    expect(both).toMatchObject({ code: 0, out: `input 1: ${best(clear({ pixels }))} (in range)\ninput 2: ${best(clear({ pixels: images[1]! }))} (in range)\n` }); // biome-ignore format: short
    const three = await ask(url, 'keys', '--program', pairs, '--image', at('other.png'), '--image', at('other.png'));
    expect([three.code, three.err]).toEqual([2, expect.stringContaining('3 inputs for a program that computes 2')]);
  });

  it('keeps the secret in the home of the user where no folder is named', async () => {
    const { url } = await start('home');
    const { XDG_DATA_HOME: before } = process.env;
    process.env.XDG_DATA_HOME = at('xdg');
    try {
      expect((await cli('query', url, '--image', at('digit.png'))).code).toBe(0);
    } finally {
      if (before === undefined) delete process.env.XDG_DATA_HOME;
      else process.env.XDG_DATA_HOME = before;
    }
    const keys = at(`xdg/cipherformer/keys/${insecureParameters().digest.slice(0, 12)}`);
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(readdirSync(keys)).toContain('secret');
  });

  it('says in words what is wrong with a call', async () => {
    const { url } = await start('words');
    const keys = ['--keys', at('keys')];
    const wrong: [string[], number, RegExp][] = [
      [[url, ...keys], 2, /there is no question/],
      [[url, ...keys, '--ids', '1,x'], 2, /whole numbers/],
      [[url, ...keys, '--text', 'hello'], 1, /takes an image/],
      [[url, ...keys, '--image', at('none.png')], 1, /cannot be read/],
      [[url, ...keys, '--image', at('digit.png'), '--force'], 2, /add --reveal/],
      [
        [url, ...keys, '--image', at('digit.png'), '--max-key-bytes', '1KiB'],
        1,
        /none was made[\s\S]*--max-key-bytes allows more/,
      ],
      [['not-a-url', ...keys, '--text', 'x'], 2, /is not the address of a service/],
      [['http://127.0.0.1:9', ...keys, '--text', 'x'], 1, /check that the service runs/],
    ];
    for (const [argv, code, why] of wrong) {
      const { err, ...rest } = await cli('query', ...argv);
      expect([argv, rest.code, err, rest.out]).toEqual([argv, code, expect.stringMatching(why), '']);
      expect(err).not.toMatch(/\n {4}at /);
    }
    expect(partsOf('words')).toEqual([]);
  });
});

describe('an open service', () => {
  it('answers two owners, each with a token that their client got and kept, through a kill of the service', async () => {
    const options = { folders: [at('program')], data: at('open'), port: 0, open: true };
    let server = await startProcess(files, options);
    running.push({ dispose: () => server.kill() });
    const { url } = server;
    const tokenOf = (home: string) => readFileSync(join(at(home), 'cipherformer/tokens', readdirSync(join(at(home), 'cipherformer/tokens'))[0]!), 'utf8').trim();
    const home = process.env.XDG_DATA_HOME;
    try {
      for (const owner of ['first-home', 'second-home']) {
        process.env.XDG_DATA_HOME = at(owner);
        const asked = cli('query', url, '--image', at('digit.png'));
        const kept = () => readdirSync(at('open/parts')).flatMap((one) => readdirSync(at(`open/parts/${one}`))).length;
        if (owner === 'second-home') {
          const before = kept();
          await until(kept, (count) => count >= before + 5);
          await server.kill();
          server = await startProcess(files, { ...options, port: Number(new URL(url).port) });
        }
        expect(await asked).toMatchObject({ err: expect.not.stringContaining('error'), code: 0, out: `${best(clear({ pixels }))} (in range)\n` });
        expect(await new Transport(url, { tokens: new VolatileTokens(tokenOf(owner)) }).keysets()).toHaveLength(1);
      }
    } finally {
      if (home === undefined) delete process.env.XDG_DATA_HOME;
      else process.env.XDG_DATA_HOME = home;
    }
    expect(tokenOf('first-home')).not.toBe(tokenOf('second-home'));
    const [file] = readdirSync(at('first-home/cipherformer/tokens'));
    expect(statSync(at(`first-home/cipherformer/tokens/${file}`)).mode & 0o777).toBe(0o600);
    expect((await fetch(`${url}/v1/keysets`)).status).toBe(401);
  }); // biome-ignore format: lines
});

describe('query goes on', () => {
  it('after kill -9 of the worker in the middle of a run', async () => {
    const { url, workers } = await start('killed-worker', { slowMs: 20 });
    const asked = ask(url, 'keys');
    const transport = new Transport(url);
    await until(() => transport.jobs(), ([job]) => job?.state === 'running' && job.done !== undefined); // biome-ignore format: short
    workers[0]!.kill('SIGKILL');
    const { code, out } = await asked;
    expect([code, out]).toEqual([0, `${best(clear({ pixels }))} (in range)\n`]);
    expect(workers.length).toBe(2);
  });

  it('after kill -9 of the server in the middle of an upload', async () => {
    const options = { folders: [at('program')], data: at('killed-server'), port: 0 };
    let server = await startProcess(files, options);
    running.push({ dispose: () => server.kill() });
    const { url } = server;
    const asked = ask(url, 'keys');
    await until(() => partsOf('killed-server').length, (count) => count >= 5); // biome-ignore format: short
    await server.kill();
    const before = timesOf('killed-server');
    server = await startProcess(files, { ...options, port: Number(new URL(url).port) });
    const { code, out } = await asked;
    expect([code, out]).toEqual([0, `${best(clear({ pixels }))} (in range)\n`]);
    const after = timesOf('killed-server');
    expect(after.size).toBeGreaterThan(before.size);
    // Two are on their way at a time: of them nobody had been told yet.
    const again = [...before].filter(([name, time]) => after.get(name) !== time);
    expect(again.length).toBeLessThanOrEqual(2);
  });

  it('after Ctrl-C, which ends with code 130 and says how', async () => {
    const { url } = await start('interrupted');
    const asked = ask(url, 'keys');
    await until(() => partsOf('interrupted').length, (count) => count >= 5); // biome-ignore format: short
    process.emit('SIGINT');
    const { code, out, err } = await asked;
    expect([code, out, err]).toEqual([130, '', expect.stringContaining('the same command goes on where it stopped')]);
    const before = timesOf('interrupted');
    expect((await ask(url, 'keys')).code).toBe(0);
    const after = timesOf('interrupted');
    expect(after.size).toBeGreaterThan(before.size);
    for (const [name, time] of before) expect(after.get(name)).toBe(time);
  });

  it('after Ctrl-C in the middle of a run: the question is taken back', async () => {
    const { url } = await start('taken-back', { slowMs: 50 });
    const asked = ask(url, 'keys');
    const transport = new Transport(url);
    await until(() => transport.jobs(), ([job]) => job?.state === 'running' && job.done !== undefined); // biome-ignore format: short
    process.emit('SIGINT');
    expect((await asked).code).toBe(130);
    expect(await transport.jobs()).toEqual([]);
    for (const kind of ['requests', 'results']) expect(readdirSync(at(`taken-back/${kind}/local`))).toEqual([]);
    expect(await ask(url, 'keys')).toMatchObject({ code: 0, out: `${best(clear({ pixels }))} (in range)\n` });
  });

  it('or says that the server is gone', async () => {
    const server = await startProcess(files, { folders: [at('program')], data: at('gone'), port: 0 });
    running.push({ dispose: () => server.kill() });
    const asked = ask(server.url, 'keys');
    await until(() => partsOf('gone').length, (count) => count >= 5); // biome-ignore format: short
    await server.kill();
    const { code, out, err } = await asked;
    expect([code, out, err]).toEqual([1, '', expect.stringMatching(/the connection to .* was lost .*check that the service runs/)]); // biome-ignore format: short
  });
});

describe('what does not belong to the service', () => {
  it('a secret key as a part is refused and never written', async () => {
    const { url } = await start('secret-sent');
    await withSession(url, 'keys', async ({ program }, secret, transport) => {
      const { id } = await transport.openKeyset({ plan: program.plan, key: secret.id, format: 'cipherformer-keys' });
      const bytes = new Uint8Array(readFileSync(at('keys/secret')));
      const refusal = await transport.putPart(id, 'a'.repeat(64), bytes).catch((error) => error);
      expect(refusal).toBeInstanceOf(ServiceError);
      expect([refusal.problem, refusal.message]).toEqual(['secret-key', expect.stringMatching(/secret key/)]);
    });
    expect(readdirSync(at('secret-sent/parts'))).toEqual([]);
  });

  it('keys of another plan are refused: at the door, and under the name of this one when they are read', async () => {
    const { url } = await start('other-plan');
    await withSession(url, 'keys', async ({ client, context, program }, secret, transport) => {
      const { id: key } = secret;
      const refusal = await transport.openKeyset({ plan: 'a'.repeat(64), key, format: 'cipherformer-keys' }).catch((error) => error);
      expect([refusal.problem, refusal.message]).toEqual(['unknown-plan', expect.stringContaining('no program of this service has the key plan')]);
      const { id } = await transport.openKeyset({ plan: program.plan, key, format: 'cipherformer-keys' });
      const specs = keySpecsOf(client.manifest).slice(1);
      const memory = new VolatilePartMemory();
      await uploadParts(transport, id, makeParts(secret, specs, memory));
      const list = makeKeyList(context.parameters, key, specs, (part) => memory.get(nameOfPart(part))!);
      const mismatch = await transport.commit(id, list).catch((error) => error);
      expect([mismatch.problem, mismatch.message]).toEqual(['list-mismatch', expect.stringContaining('another plan')]);
      await transport.commit(id, { ...list, plan: program.plan });
      expect(await transport.verified(id)).toMatchObject({ state: 'rejected', reason: expect.stringContaining('another plan') });
    });
    // It is told of no fault of its own: it sends its keys.
    expect((await ask(url, 'keys')).code).toBe(0);
  }); // biome-ignore format: lines

  it('a part that was damaged in the data folder: the keys are rejected in words, and sent again when asked again', async () => {
    const { url } = await start('damaged');
    let damaged = '';
    await withSession(url, 'keys', async ({ specs, program }, secret, transport) => {
      const { id } = await transport.openKeyset({ plan: program.plan, key: secret.id, format: 'cipherformer-keys' });
      const memory = await FilePartMemory.open(at('keys/secret.parts'), secret.id);
      const sent = await uploadParts(transport, id, makeParts(secret, specs, memory));
      damaged = sent[7]!;
    });
    const path = join(partsIn('damaged'), damaged);
    const whole = readFileSync(path);
    const bytes = Buffer.from(whole);
    bytes[200]! ^= 1;
    writeFileSync(path, bytes);
    const { code, out, err } = await ask(url, 'keys');
    const why = `the service refused the evaluation keys: ${damaged.slice(0, 12)}, a part of the evaluation keys, is damaged`;
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(why)]);
    expect(err).not.toContain(folder);
    expect((await ask(url, 'keys')).code).toBe(0);
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  it('keys for which the disk has no room: said before any is made', async () => {
    const { url } = await start('full', { diskSpace: async () => ({ totalBytes: 10 * 2 ** 30, freeBytes: 2 ** 30 + 1000 }) });
    const { code, out, err } = await ask(url, 'keys');
    expect([code, out, err]).toEqual([1, '', expect.stringMatching(/the disk of the service has no room for \d+ bytes: 1000 are free\n.*delete key sets/)]);
    expect(err).not.toContain('making');
    expect(partsOf('full')).toEqual([]);
  }); // biome-ignore format: lines
});
