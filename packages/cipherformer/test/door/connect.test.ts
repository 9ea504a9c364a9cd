// A connection to a program on this machine, and to a service, on an insecure ring.
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Transport } from '@cipherformer/client';
import { compile, connect, isCipherformerError, PolynomialModel, Program, type Progress, serve } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';
import { bundled, startInsecure } from '../service/support.ts';
import { best, inClear, pixels, scratch, tolerance } from './support.ts';

const { at, dispose } = scratch();
const parameters = insecureParameters();

beforeAll(async () => {
  (await compile(at('model'), { folder: at('program'), parameters })).close();
}, 60_000);

afterAll(dispose);

describe('a polynomial model in clear', () => {
  it('predicts what its program computes', async () => {
    const model = await PolynomialModel.load(at('model'));
    const far = { image: Array.from({ length: 16 }, () => 1e3) };
    const [inside, outside] = (await model.predict([{ pixels }, far])).results;
    expect([model.name, model.classes?.length, inside!.labels![0]!.label, inside!.inRange]).toEqual(['tiny', 3, best, true]); // biome-ignore format: short
    expect(inside!.logits).toEqual(inClear);
    expect(inside!.labels!.reduce((sum, { score }) => sum + score!, 0)).toBeCloseTo(1);
    expect([outside!.inRange, outside!.reason]).toEqual([false, expect.any(String)]);
    await expect(model.predict('a text')).rejects.toMatchObject({ code: 'bad-data' });
    await expect(model.predict(5 as never)).rejects.toMatchObject({ code: 'bad-usage' });
  });
});

describe('on this machine', () => {
  it('a program’s folder is asked', async () => {
    const connection = await connect(at('program'), { insecure: true });
    const stages = new Set<string>();
    const [answer] = await connection.ask({ pixels }, { progress: ({ what }) => void stages.add(what) });
    expect([answer!.label, answer!.inRange]).toEqual([best, true]);
    for (const [k, logit] of answer!.reveal().logits!.entries())
      expect(Math.abs(logit - inClear[k]!)).toBeLessThan(tolerance);
    expect([...stages]).toEqual(expect.arrayContaining(['encrypting', 'keys', 'running', 'decrypting']));
    const [outside] = await connection.ask({ image: pixels.map((value) => 30 * (value / 127.5 - 1)) });
    expect([outside!.label, outside!.inRange, outside!.reason]).toEqual([undefined, false, expect.any(String)]);
    await connection.close();
    await connection.close();
    await expect(connection.ask({ pixels })).rejects.toMatchObject({ code: 'bad-usage' });
  });

  it('a polynomial model is compiled, and nothing stays of it', async () => {
    const temporary = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cipherformer-connect-'));
    const before = temporary();
    const stages: string[] = [];
    const connection = await connect(at('model'), {
      parameters,
      insecure: true,
      progress: ({ what }) => stages.push(what),
    });
    const [made] = temporary().filter((name) => !before.includes(name));
    expect([stages[0], made]).toEqual(['compiling', expect.any(String)]);
    const [answer] = await connection.ask({ pixels });
    expect(answer!.label).toBe(best);
    await connection.close();
    expect(temporary()).not.toContain(made);
    const kept = await connect(at('model'), { parameters, insecure: true, folder: at('kept') });
    await kept.close();
    expect(existsSync(at('kept/server'))).toBe(true);
  });

  it('closing ends a question that is under way', async () => {
    const connection = await connect(at('program'), { insecure: true });
    let closing: Promise<void> | undefined;
    const progress = ({ what }: Progress) => {
      if (what === 'running') closing ??= connection.close();
    };
    const asked = connection.ask({ pixels }, { progress });
    await expect(asked).rejects.toThrow('the connection is closed');
    await closing;
  });

  it('a folder that is not there, or of something else, is told', async () => {
    for (const call of [() => connect(at('none')), () => Program.load(at('none')), () => PolynomialModel.load(at('none'))]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(isCipherformerError(error)).toBe(true);
      expect(error).toMatchObject({ code: 'missing-file', hint: expect.any(String) });
    }
    await expect(connect(at('kept'))).rejects.toMatchObject({ code: 'damaged-file' });
    await expect(serve({ folders: [at('none')], data: at('none-data') })).rejects.toMatchObject({ code: 'bad-usage' });
  }); // biome-ignore format: short

  it('too many keys are not made', async () => {
    const connection = await connect(at('program'), { insecure: true, maxKeyBytes: 1000 });
    await expect(connection.ask({ pixels })).rejects.toThrow('are allowed: none was made');
    await connection.close();
  });
});

describe('a service', () => {
  let files: Awaited<ReturnType<typeof bundled>>;
  let started: Awaited<ReturnType<typeof startInsecure>>;
  beforeAll(async () => {
    files = await bundled();
    started = await startInsecure(files.worker, { folders: [at('program')], data: at('data') });
  });
  afterAll(async () => {
    await started.service.close();
    files.dispose();
  });

  it('is asked by its URL', async () => {
    const connection = await connect(started.service.url, { insecure: true });
    const stages = new Set<string>();
    const { results } = await connection.ask([{ pixels }, { pixels }], {
      progress: ({ what }) => void stages.add(what),
    });
    expect(results.map(({ label, inRange }) => [label, inRange])).toEqual([[best, true], [best, true]]); // biome-ignore format: short
    expect([...stages]).toEqual(expect.arrayContaining(['keys', 'encrypting', 'running', 'decrypting']));
    await expect(connection.ask({ pixels }, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough'); // biome-ignore format: short
    await expect(connection.ask({ text: 'a text' })).rejects.toMatchObject({ code: 'bad-data' });
    await connection.close();
    await expect(connection.ask({ pixels })).rejects.toThrow('the connection is closed');
  });

  it('is started by the library, and lists what it serves', async () => {
    (await compile(at('model'), { folder: at('secure') })).close();
    const stop = new AbortController();
    const { url, close } = await serve({ folders: [at('secure')], data: at('secure-data'), signal: stop.signal });
    const listed = await new Transport(url).programs();
    expect(listed.map(({ summary }) => summary.name)).toEqual(['tiny']);
    await close();
    await expect(connect(url)).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('that is not there is told at once', async () => {
    await expect(connect('http://127.0.0.1:9')).rejects.toMatchObject({ code: 'connection-lost' });
  });
});
