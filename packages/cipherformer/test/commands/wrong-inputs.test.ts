// Wrong ways that new users took: each is told what is wrong and how to mend it, before work starts, and leaves nothing.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import type { PolynomialModel } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { initialWeights, saveModel, vitConfig } from '@cipherformer/nn';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { png } from '../input/png.ts';
import { insecureCli as cli } from './cli.ts';
import { insecureParameters, tinyModel } from './tiny-model.ts';

const disk = vi.hoisted(() => ({ free: undefined as number | undefined }));
vi.mock('@cipherformer/ckks/durable', async (original) => {
  const real = await original<typeof import('@cipherformer/ckks/durable')>();
  const diskSpace: typeof real.diskSpace = async (path) => {
    const space = await real.diskSpace(path);
    return disk.free === undefined ? space : { ...space, freeBytes: disk.free };
  };
  return { ...real, diskSpace };
});

const folder = mkdtempSync(join(tmpdir(), 'wrong-inputs-'));
const at = (name: string) => join(folder, name);
const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'whale', 'rose'];

/** The tiny model with words in the place of windows of pixels: four tokens, two of them marks. */
function textModel(): PolynomialModel {
  const { graph, card, classes } = tinyModel(3);
  const [input, ...nodes] = graph.nodes;
  const token = { rows: words.length, columns: 4, values: Float32Array.from({ length: 4 * words.length }, (_, i) => ((i * 7) % 5) / 5) }; // biome-ignore format: short
  return {
    task: 'text-classification',
    graph: { ...graph, nodes: [{ ...input!, name: 'embedded' } as (typeof graph.nodes)[number], ...nodes] },
    preprocess: { kind: 'text', embedding: { token }, padding: 0, tokenizer: wordPieceFiles(words) },
    ...(classes ? { classes } : {}),
    card,
  };
}

beforeAll(async () => {
  for (const [name, model] of Object.entries({ image: tinyModel(3), deep: tinyModel(5, 2), text: textModel() })) {
    savePolynomialModel(at(`${name}-model`), model);
    await writeProgram(at(`${name}-model`), at(name), { batch: 1 }, insecureParameters());
  }
  const config = vitConfig({ image: { channels: 1, height: 4, width: 4 }, patch: 2, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 3, pool: 'mean' }); // biome-ignore format: one model
  saveModel(at('original'), { config, weights: initialWeights(config, 1), preprocess: {} });
  for (const name of ['image', 'text']) await cli('keygen', at(name), '--out', at(`${name}-keys`));
  writeFileSync(
    at('digit.png'),
    png(
      4,
      4,
      1,
      Array.from({ length: 16 }, (_, i) => i * 16),
    ),
  );
  await encrypt('image', 'digit.png', 'digit.in');
}, 60_000);
beforeEach(() => {
  disk.free = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const encrypt = (program: string, input: string, out: string, keys = `${program}-keys/secret`) =>
  cli('encrypt', at(program), '--keys', at(keys), '--input', at(input), '--out', at(out));
const run = (input: string, out: string, keys = 'image-keys/evaluation') =>
  cli('run', at('image'), '--keys', at(keys), '--input', at(input), '--out', at(out));

/** What a refusal of encrypt is: exit code, message, no stack, nothing left. */
async function refused(
  program: string,
  name: string,
  contents: string | Uint8Array | undefined,
  message: RegExp,
  code = 1,
) {
  if (contents !== undefined) writeFileSync(at(name), contents);
  const before = readdirSync(folder).length;
  const answer = await encrypt(program, name, 'none');
  expect([answer.code, answer.out, answer.err]).toEqual([code, '', expect.stringMatching(message)]);
  expect(answer.err).not.toMatch(/\n {4}at /);
  expect(readdirSync(folder).length).toBe(before);
}

describe('inputs', () => {
  it('wrong model folder', async () => {
    for (const verb of ['predict', 'inspect']) {
      const more = verb === 'predict' ? ['--ids', '1'] : [];
      const none = await cli(verb, at('nowhere'), ...more);
      expect([none.code, none.err]).toEqual([1, expect.stringMatching(/there is no .*nowhere: give a folder with config\.json/)]); // biome-ignore format: short
      const other = await cli(verb, folder, ...more);
      expect([other.code, other.err]).toEqual([1, expect.stringMatching(/holds no model: give a folder/)]);
    }
  });

  it('no --recipe / --data', async () => {
    const { code, err } = await cli('convert', at('original'));
    expect([code, err]).toEqual([2, expect.stringContaining('has to be converted on examples: give a table')]);
    // A language model needs neither, so nothing is marked as required.
    const { out } = await cli('convert', '--help');
    expect(out).not.toContain('(required)');
    // All that is missing is told at once.
    expect((await cli('encrypt', at('program'))).err).toMatch(/encrypt needs --\w+ <\w+>, (?:and )?--\w+/);
  });

  it('empty text (encrypt)', async () => {
    await refused('text', 'empty.json', '{"text": "  "}', /The text is empty/);
  });

  it('5,000-word text (encrypt)', async () => {
    writeFileSync(at('long.json'), JSON.stringify({ text: 'a whale rose '.repeat(1667) }));
    const { code, err } = await encrypt('text', 'long.json', 'long.in');
    expect([code, err]).toEqual([0, expect.stringContaining('warning the text has 5003 tokens, the model takes 4')]);
  });

  it('{"sentence": ...}', async () => {
    await refused('text', 'sentence.json', '{"sentence": "a whale"}', /sentence\.json is neither .* give .*\{"text": "\.\.\."\}/);
  }); // biome-ignore format: short

  it('plain .txt', async () => {
    await refused('text', 'plain.txt', 'a whale rose', /plain\.txt is neither .* give .*\{"text": "\.\.\."\}/);
  });

  it('input file missing', async () => {
    await refused('image', 'nowhere.png', undefined, /nowhere\.png cannot be read: there is no such file/);
  });

  it('non-image .png, BMP, GIF, empty', async () => {
    await refused('image', 'not.png', 'hello', /not\.png is neither a PNG or JPEG image nor an input in JSON/);
    await refused('image', 'b.bmp', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), /is a BMP image, .* save it as PNG or JPEG/); // biome-ignore format: short
    await refused('image', 'g.gif', Buffer.from('GIF89a, more'), /is a GIF image, .* save it as PNG or JPEG/);
    await refused('image', 'empty.png', '', /empty\.png is empty: give a PNG or JPEG image/);
  });

  it('truncated PNG', async () => {
    const whole = readFileSync(at('digit.png'));
    for (const length of [20, 40, whole.length - 20])
      await refused('image', 'cut.png', whole.subarray(0, length), /cut\.png .*save it again/);
  });

  it('a text to a model of images', async () => {
    const { code, err } = await cli('encrypt', at('image'), '--keys', at('image-keys/secret'), '--text', 'seven', '--out', at('none')); // biome-ignore format: short
    expect([code, err]).toEqual([1, expect.stringContaining('takes an image: give --image, or --input')]);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('output exists (encrypt, run)', async () => {
    writeFileSync(at('mine'), 'precious');
    const began = performance.now();
    for (const answer of [await encrypt('image', 'digit.png', 'mine'), await run('digit.in', 'mine')])
      expect([answer.code, answer.err]).toEqual([
        2,
        expect.stringMatching(/mine already exists: choose another --out/),
      ]);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(readFileSync(at('mine'), 'utf8')).toBe('precious');
  });
});

describe('compile', () => {
  const compile = (model: string, out: string, ...more: string[]) =>
    cli('compile', at(model), '--out', at(out), ...more);
  /** Nothing appears beside the files that are there. */
  const nothingLeft = async (work: () => Promise<void>) => {
    const before = readdirSync(folder).sort();
    await work();
    expect(readdirSync(folder).sort()).toEqual(before);
  };

  it('no model, a trained model, a folder that is there, no folder to go to', () =>
    nothingLeft(async () => {
      const wrong: [string, string, number, RegExp][] = [
        ['nowhere', 'none', 1, /there is no .*nowhere: give the folder of a polynomial model/],
        ['original', 'none', 1, /is not the folder of a polynomial model: convert a model first/],
        ['image-model', 'image', 2, /image already exists: choose another --out/],
        ['image-model', 'no/where/none', 2, /there is no folder .*where, where .*none would go: make it/],
      ];
      for (const [model, out, exit, message] of wrong) {
        const { code, err } = await compile(model, out);
        expect([code, err]).toEqual([exit, expect.stringMatching(message)]);
      }
    }));

  it('--memory is kept, or the program is refused', () =>
    nothingLeft(async () => {
      for (const more of [[], ['--objective', 'throughput']]) {
        const { code, out, err } = await compile('deep-model', 'none', '--memory', '1', ...more, '--json');
        expect([code, JSON.parse(out).error]).toEqual([1, expect.objectContaining({ code: 'not-enough-memory', hint: expect.stringContaining('--memory allows more') })]); // biome-ignore format: short
        expect(err).toMatch(
          /the program takes up to [2-9]\.\d+ GiB of memory, 1\.00 GiB are allowed: .*nothing was written/,
        );
      }
    }));

  it('Ctrl-C compile', () =>
    nothingLeft(async () => {
      const { code, out, err, seconds } = await interrupted(['compile', at('deep-model'), '--out', at('none'), '--json'], /compiling 0/); // biome-ignore format: short
      expect([code, JSON.parse(out).error.code]).toEqual([130, 'interrupted']);
      expect(err).toContain('stopping; no program is written');
      expect(seconds).toBeLessThan(5);
    }));
});

describe('keys', () => {
  it('evaluation keys to encrypt', async () => {
    const { code, err } = await encrypt('image', 'digit.png', 'none', 'image-keys/evaluation');
    expect([code, err]).toEqual([1, expect.stringMatching(/folder of evaluation keys, which are the server's: give the file "secret"/)]); // biome-ignore format: short
    const part = readdirSync(at('image-keys/evaluation/parts'))[0]!;
    const one = await encrypt('image', 'digit.png', 'none', `image-keys/evaluation/parts/${part}`);
    expect(one.code).toBe(1);
    expect(one.err).not.toContain('chmod');
    expect(one.err).toMatch(/is no secret key: give the file "secret" that keygen wrote/);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('secret key of another program to encrypt', async () => {
    const { code, err } = await encrypt('deep', 'digit.png', 'none', 'image-keys/secret');
    expect([code, err]).toEqual([1, expect.stringMatching(/has no keys for this program yet: .*cipherformer keygen .*deep --out .*image-keys/)]); // biome-ignore format: short
    expect(existsSync(at('none'))).toBe(false);
  });

  it('JSON instead of encrypted input to run', async () => {
    writeFileSync(at('plain.json'), '{"pixels": [1]}');
    const { code, err } = await run('plain.json', 'none');
    expect(code).toBe(1);
    expect(err).toMatch(/plain\.json/);
    // No key was loaded.
    expect(err).not.toMatch(/keys \d+\/\d+/);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('disk full, keygen', async () => {
    disk.free = 1000;
    const { code, err } = await cli('keygen', at('image'), '--out', at('full'));
    expect([code, err]).toEqual([1, expect.stringMatching(/take \d+ bytes .* 1000 are free: make room .*nothing was made/)]);
    expect(existsSync(at('full'))).toBe(false);
    disk.free = undefined;
    expect((await cli('keygen', at('image'), '--out', at('full'))).code).toBe(0);
  }); // biome-ignore format: short

  it('Ctrl-C keygen', async () => {
    const { code, out, err } = await interrupted(['keygen', at('deep'), '--out', at('stopped'), '--json'], /keys 1\//);
    expect(JSON.parse(out).error.code).toBe('interrupted');
    expect([code, err]).toEqual([130, expect.stringContaining('run the same command again, it goes on where it stopped')]);
    const left = readdirSync(at('stopped'), { recursive: true }).map(String);
    expect(left.filter((name) => name.endsWith('.partial'))).toEqual([]);
    const secret = readFileSync(at('stopped/secret'));
    expect((await cli('keygen', at('deep'), '--out', at('stopped'))).code).toBe(0);
    expect(readFileSync(at('stopped/secret'))).toEqual(secret);
  }); // biome-ignore format: short

  it('Ctrl-C run', async () => {
    const { code, out, err, seconds } = await interrupted(['run', at('image'), '--keys', at('image-keys/evaluation'), '--input', at('digit.in'), '--out', at('none'), '--json'], /keys 1\//); // biome-ignore format: short
    expect([code, JSON.parse(out).error.code]).toEqual([130, 'interrupted']);
    expect(err).toContain('nothing was written by halves');
    expect(seconds).toBeLessThan(5);
    expect(readdirSync(folder).filter((name) => name.startsWith('none'))).toEqual([]);
  });
});

/** A verb in a process of its own, on insecure rings, that gets SIGINT when it has said something. */
async function interrupted(argv: readonly string[], said: RegExp) {
  const compiled = new URL('../../dist/cli.js', import.meta.url).href;
  const script = `const { runCli } = await import(${JSON.stringify(compiled)}); process.exitCode = await runCli(${JSON.stringify(argv)}, { insecure: true });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const written = { out: '', err: '' };
  let began = 0;
  child.stdout.on('data', (text) => {
    written.out += text;
  });
  child.stderr.on('data', (text) => {
    written.err += text;
    if (began > 0 || !said.test(written.err)) return;
    began = performance.now();
    child.kill('SIGINT');
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...written, seconds: (performance.now() - began) / 1000 };
}
