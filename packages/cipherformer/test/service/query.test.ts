// The first question from end to end on the command line: a service as `serve` starts it and `query`, on an insecure ring. What
// it goes on after: query-goes-on.slow.test.ts.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOfPart, type SecretKey } from '@cipherformer/ckks';
import { type KeyList, ServiceError, ServiceSession, Transport, uploadParts } from '@cipherformer/client';
import {
  keySpecsOf,
  MemoryVerdictLedger,
  makeKeyList,
  makeParts,
  VolatilePartMemory,
} from '@cipherformer/runtime/client';
import { FilePartMemory, partMemoryFileOf } from '@cipherformer/runtime/client/files';
import { describe, expect, it } from 'vitest';
import { openSecret } from '../../src/owner/secret-file.ts';
import { insecureCli as cli } from '../commands/cli.ts';
import { insecureParameters } from '../commands/tiny-model.ts';
import { best, clear, queryFixture } from './query-fixture.ts';
import { until } from './support.ts';

const { folder, at, images, pixels, start, ask, partsIn, partsOf, timesOf } = queryFixture();

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
    expect(names).toEqual(['secret', 'secret.parts', 'secret.programs', 'secret.verdicts.jsonl']);
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
    expect((await ask(url, 'keys', '--program', 'xyz')).err).toContain('no program of the service is called xyz');
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
    // One of this service alone: another one could tell by it that they serve the same person.
    const [name, ...others] = readdirSync(at('xdg/cipherformer/keys'));
    const { port } = new URL(url);
    expect([name, others]).toEqual([
      expect.stringMatching(new RegExp(`^127.0.0.1_${port}-[0-9a-f]{8}-${insecureParameters().digest.slice(0, 12)}$`)),
      [],
    ]);
    const keys = at(`xdg/cipherformer/keys/${name}`);
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
