// The verbs of the protocol, one after the other on files, with a tiny model on an insecure ring.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { png } from '../input/png.ts';
import { cli as executable, insecureCli } from './cli.ts';
import { insecureParameters, tinyModel } from './tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'encrypted-cli-'));
const at = (name: string) => join(folder, name);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Outputs are never replaced: one of an earlier test of the same name goes first. */
function cli(...argv: string[]) {
  const [verb] = argv;
  if (verb === 'encrypt' || verb === 'run') rmSync(argv[argv.indexOf('--out') + 1]!, { force: true });
  return insecureCli(...argv);
}

const pixels = Array.from({ length: 16 }, (_, i) => (i * 37) % 256);
/** As the model's card normalises them. */
const image = pixels.map((byte) => (byte / 255 - 0.5) / 0.5);
let model: PolynomialModel;

beforeAll(async () => {
  for (const [name, seed] of [['', 3], ['-other', 4]] as const) {
    const made = tinyModel(seed);
    savePolynomialModel(at(`model${name}`), made);
    await writeProgram(at(`model${name}`), at(`program${name}`), { batch: 1 }, insecureParameters());
    if (seed === 3) model = made;
  } // biome-ignore format: pairs
  writeFileSync(at('input.json'), JSON.stringify({ pixels }));
});

describe('the protocol on files', () => {
  it('explains the plan, and draws it', async () => {
    const { out, code } = await cli('explain', at('program'), '--html', at('plan.html'));
    expect(code).toBe(0);
    for (const part of ['INSECURE', 'layers.0.attention.scores', 'bootstraps', 'evaluation keys'])
      expect(out).toContain(part);
    const page = readFileSync(at('plan.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/(src|href)=/);
    const json = JSON.parse((await cli('explain', at('program'), '--json')).out);
    expect(json.rows.length).toBeGreaterThan(10);
  });

  it('keygen writes a private secret key and evaluation keys of the predicted size, and makes none twice', async () => {
    const { out, code } = await cli('keygen', at('program'), '--out', at('keys'), '--json');
    expect(code).toBe(0);
    for (const file of ['keys/secret', 'keys/secret.verdicts.jsonl'])
      expect(statSync(at(file)).mode & 0o777).toBe(0o600);
    const { evaluationBytes } = JSON.parse(out);
    const parts = () =>
      readdirSync(at('keys/evaluation/parts')).map((name) => ({
        name,
        ...statSync(at(`keys/evaluation/parts/${name}`)),
      }));
    expect(parts().reduce((sum, { size }) => sum + size, 0)).toBe(evaluationBytes);
    const secret = readFileSync(at('keys/secret'));
    const before = parts().map(({ name, mtimeMs }) => [name, mtimeMs]);
    expect((await cli('keygen', at('program'), '--out', at('keys'))).code).toBe(0);
    expect(readFileSync(at('keys/secret'))).toEqual(secret);
    expect(parts().map(({ name, mtimeMs }) => [name, mtimeMs])).toEqual(before);
  });

  it('encrypts, runs and decrypts to the logits of the polynomial model', async () => {
    const encrypted = await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', at('input.json'), '--out', at('in.bin')); // biome-ignore format: short
    expect(encrypted.err).toMatch(/^next: npx cipherformer run /);
    const ran = await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('in.bin'), '--out', at('out.bin'), '--json'); // biome-ignore format: short
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/running \d+\/\d+ (ETA|done in)/);
    const figures = JSON.parse(ran.out);
    expect(figures.coldSeconds).toBeGreaterThan(figures.warmSeconds);
    const answer = await cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin'), '--json', '--reveal'); // biome-ignore format: short
    const { logits, inRange } = JSON.parse(answer.out).results[0];
    expect(inRange).toBe(true);
    const expected = [...evaluate(model.graph, prepareInput(model, { pixels }))];
    const size = Math.max(...expected.map(Math.abs));
    const { predicted } = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    for (const [k, value] of expected.entries())
      expect(Math.abs(logits[k] - value)).toBeLessThan(Math.min(1e-3 * size, predicted.error));
    const table = await cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin')); // biome-ignore format: short
    const best = ['cat', 'dog', 'bird'][expected.indexOf(Math.max(...expected))]!;
    expect(table.out).toBe(`${best} (in range)\n`);
  });

  it('row 5: prints the label alone, more by name of what it is, and what may be shared', async () => {
    const decrypt = ['decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin')]; // biome-ignore format: short
    const label = /^\{"results":\[\{"inRange":true,"labels":\[\{"label":"(cat|dog|bird)"\}\]\}\]\}\n$/;
    const plain = await cli(...decrypt, '--json');
    expect(plain.out).toMatch(label);
    const [, best] = label.exec(plain.out)!;
    const { labels, logits } = JSON.parse((await cli(...decrypt, '--json', '--reveal', '--top', '2')).out).results[0];
    expect([labels.length, logits.length, labels[0].label]).toEqual([2, 3, best]);
    const largest = Math.max(...logits);
    expect(labels[0].score).toBeCloseTo(1 / logits.reduce((sum: number, x: number) => sum + Math.exp(x - largest), 0), 10); // biome-ignore format: short
    expect((await cli(...decrypt, '--reveal')).out).toMatch(/class.*score.*logit[\s\S]*cat|dog|bird/);
    expect(await cli(...decrypt, '--shareable')).toEqual({ code: 0, out: `${best}\n`, err: '' });
    expect((await cli(...decrypt, '--shareable', '--json')).out).toBe(
      `{"results":[{"labels":[{"label":"${best}"}]}]}\n`,
    );
    for (const contradiction of [['--force'], ['--shareable', '--reveal']])
      expect((await cli(...decrypt, ...contradiction)).code).toBe(2);
  });

  it('row 5: no decrypted number stands in a reason', async () => {
    const forced = await cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin'), '--json', '--reveal'); // biome-ignore format: short
    const [logit] = JSON.parse(forced.out).results[0].logits as [number];
    const manifest = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    const outputs = manifest.outputs.map((output: { name: string; limit: number }) => ({ ...output, limit: output.name === 'logits' ? 1e-9 : output.limit })); // biome-ignore format: short
    writeFileSync(at('narrow.json'), JSON.stringify({ ...manifest, outputs }));
    const { out, err } = await cli('decrypt', at('narrow.json'), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin'), '--json'); // biome-ignore format: short
    expect(JSON.parse(out).results).toEqual([
      { inRange: false, labels: [], reason: 'a logit is beyond 1e-9, the most in range' },
    ]);
    expect(err).not.toContain(`${Math.abs(logit)}`.slice(0, 4));
  });

  it('row 5: a label within twice the error bound is not shared, and neither is one without a bound', async () => {
    const manifest = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    expect(manifest.predicted.error).toBeGreaterThan(0);
    const { error: _, ...predicted } = manifest.predicted;
    for (const [name, bound, why] of [['wide', { error: 1e6 }, 'within twice the error bound'], ['none', {}, 'has no error bound']] as const) {
      writeFileSync(at(`${name}.json`), JSON.stringify({ ...manifest, predicted: { ...predicted, ...bound } }));
      const { code, out, err } = await cli('decrypt', at(`${name}.json`), '--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin'), '--shareable');
      expect([code, out, err]).toEqual([3, '', expect.stringContaining(why)]);
    }
  }); // biome-ignore format: pairs

  it('takes an image file as it takes its pixels', async () => {
    writeFileSync(at('digit.png'), png(4, 4, 1, pixels));
    const encrypt = (name: string, ...more: string[]) =>
      cli(
        'encrypt',
        at('program'),
        '--keys',
        at('keys/secret'),
        '--input',
        at(name),
        '--out',
        at('image.bin'),
        ...more,
      );
    expect((await encrypt('digit.png')).code).toBe(0);
    await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('image.bin'), '--out', at('image-out.bin')); // biome-ignore format: short
    const answer = await cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('image-out.bin'), '--request', at('image.bin'), '--json', '--reveal'); // biome-ignore format: short
    const expected = [...evaluate(model.graph, prepareInput(model, { pixels }))];
    const size = Math.max(...expected.map(Math.abs));
    for (const [k, logit] of (JSON.parse(answer.out).results[0].logits as number[]).entries())
      expect(Math.abs(logit - expected[k]!)).toBeLessThan(1e-3 * size);
    writeFileSync(at('large.png'), png(8, 8, 1, new Uint8Array(64)));
    const refused = await encrypt('large.png');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('8 x 8 pixels, the model takes 4 x 4: resize it')]); // biome-ignore format: short
    expect((await encrypt('large.png', '--resize')).code).toBe(0);
  });

  it.each([8, 1000])('an input %i times too large gives no answer, and says so', async (factor) => {
    writeFileSync(at('far.json'), JSON.stringify({ image: image.map((value) => value * factor) }));
    await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', at('far.json'), '--out', at('far-in.bin')); // biome-ignore format: short
    await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('far-in.bin'), '--out', at('far.bin')); // biome-ignore format: short
    const decrypt = ['decrypt', at('program'), '--keys', at('keys/secret'), '--input', at('far.bin'), '--request', at('far-in.bin')]; // biome-ignore format: short
    const refused = await cli(...decrypt);
    expect(refused.code).toBe(3);
    expect(refused.out).toBe('');
    expect(refused.err).toContain('the input left the range the model is made for');
    const json = await cli(...decrypt, '--json');
    expect(json.code).toBe(3);
    for (const shown of [json, await cli(...decrypt, '--json', '--reveal')]) {
      const { inRange, reason, labels, logits } = JSON.parse(shown.out).results[0];
      expect([shown.code, inRange, typeof reason, labels, logits]).toEqual([3, false, 'string', [], undefined]);
    }
    const shared = await cli(...decrypt, '--shareable');
    expect([shared.code, shared.out, shared.err]).toEqual([3, '', expect.stringContaining('there is no label')]);
    const forced = await cli(...decrypt, '--json', '--reveal', '--force');
    expect(forced.code).toBe(0);
    expect(JSON.parse(forced.out)).toMatchObject({ results: [{ inRange: false, logits: [expect.anything(), expect.anything(), expect.anything()] }] }); // biome-ignore format: short
  });

  it('the half "client" is enough for the client', async () => {
    cpSync(at('program/client'), at('published'), { recursive: true });
    writeFileSync(at('image.json'), JSON.stringify({ image }));
    for (const [input, program] of [['image.json', 'published'], ['input.json', 'published'], ['input.json', 'published/manifest.json']] as const) {
      const { code } = await cli('encrypt', at(program), '--keys', at('keys/secret'), '--input', at(input), '--out', at('in2.bin'));
      expect([input, code]).toEqual([input, 0]);
    }
    const refused = await cli('explain', at('published'));
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('no model in "server"')]);
  }); // biome-ignore format: a list

  it('keygen goes on where it was stopped, with the same bytes', async () => {
    const names = () => readdirSync(at('keys/evaluation/parts')).sort();
    const whole = names();
    const [gone, damagedName] = [whole[1]!, whole[2]!];
    const list = readFileSync(at('keys/evaluation/list.json'), 'utf8');
    rmSync(at('keys/evaluation/list.json'));
    rmSync(at(`keys/evaluation/parts/${gone}`));
    writeFileSync(at(`keys/evaluation/parts/${damagedName}.1234.partial`), 'half a part');
    const waiting = await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at('in.bin'), '--out', at('no.bin'));
    expect([waiting.code, waiting.err]).toEqual([1, expect.stringContaining('run the same keygen again')]);
    expect((await cli('keygen', at('program'), '--out', at('keys'))).code).toBe(0);
    expect(names()).toEqual(whole);
    expect(readFileSync(at('keys/evaluation/list.json'), 'utf8')).toBe(list);
  }); // biome-ignore format: one line a call

  it('keys of one secret serve every program that they cover', async () => {
    expect((await cli('keygen', at('program-other'), '--out', at('keys'))).code).toBe(0);
    for (const name of ['program', 'program-other']) {
      await cli('encrypt', at(name), '--keys', at('keys/secret'), '--input', at('input.json'), '--out', at('both.bin'));
      const { code } = await cli(
        'run',
        at(name),
        '--keys',
        at('keys/evaluation'),
        '--input',
        at('both.bin'),
        '--out',
        at('both-out.bin'),
      );
      expect([name, code]).toEqual([name, 0]);
    }
  });
});

describe('what does not fit is refused, and says why', () => {
  const run = (keys: string, input: string, program = 'program', out = 'no.bin') =>
    cli('run', at(program), '--keys', at(keys), '--input', at(input), '--out', at(out));

  it('row 10: parameters below 128-bit security, by every verb, whatever the environment says', async () => {
    const verbs: Record<string, string[]> = {
      keygen: ['--out', at('weak')],
      encrypt: ['--keys', at('keys/secret'), '--input', at('input.json'), '--out', at('weak')],
      run: ['--keys', at('keys/evaluation'), '--input', at('in.bin'), '--out', at('weak')],
      decrypt: ['--keys', at('keys/secret'), '--input', at('out.bin'), '--request', at('in.bin')],
      explain: [],
    };
    for (const value of ['', '1', 'true']) {
      vi.stubEnv('CIPHERFORMER_INSECURE_TESTS', value);
      for (const [verb, options] of Object.entries(verbs)) {
        const { code, out, err } = await executable(verb, at('program'), ...options);
        expect([verb, code, out]).toEqual([verb, 1, '']);
        expect(err).toContain('below 128-bit security');
        expect(existsSync(at('weak'))).toBe(false);
      }
    }
    vi.unstubAllEnvs();
  });

  it('row 1: keys that give the secret away, more keys than stated, or than their owner allows', async () => {
    const manifest = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
    const { keys } = manifest;
    const galois = (element: number) => ({ list: [...keys.list, ['galois', element, 1, 1]] });
    const changes = [galois(2), galois(0), galois(2 ** 12), galois(2 ** 12 + 1), { keyBytes: 1 }, { wireBytes: 1 }];
    for (const change of changes) {
      writeFileSync(at('stranger.json'), JSON.stringify({ ...manifest, keys: { ...keys, ...change } }));
      const { code, err } = await cli('keygen', at('stranger.json'), '--out', at('given'));
      expect([change, code, err]).toEqual([change, 1, expect.stringMatching(/do not use|is no manifest/)]);
      expect(existsSync(at('given'))).toBe(false);
    }
    const { code, err } = await cli('keygen', at('program'), '--out', at('given'), '--max-key-bytes', '1MiB');
    expect([code, err]).toEqual([1, expect.stringMatching(/0\.004 GiB of evaluation keys, 0\.001 GiB are allowed: none was made[\s\S]*--max-key-bytes allows more/)]); // biome-ignore format: short
    expect(existsSync(at('given'))).toBe(false);
  });

  it('run does not take a secret key', async () => {
    const { code, err } = await run('keys/secret', 'in.bin');
    expect(code).toBe(1);
    expect(err).toContain('is a secret key, which never belongs here');
    expect(existsSync(at('no.bin'))).toBe(false);
  });

  it('keys, inputs and results of another program or key', async () => {
    expect((await run('keys/evaluation', 'in.bin', 'program-other')).err).toContain('was made for program');
    expect((await run('in.bin', 'in.bin')).err).toContain('is a file: give the folder "evaluation"');
    await cli('keygen', at('program'), '--out', at('keys2'));
    expect((await run('keys2/evaluation', 'in.bin')).err).toContain('belongs to the secret key');
    const decrypt = (key: string, request: string, program = 'program') =>
      cli('decrypt', at(program), '--keys', at(key), '--input', at('out.bin'), '--request', at(request));
    expect((await decrypt('keys2/secret', 'in.bin')).err).toContain('belongs to the secret key');
    expect((await decrypt('keys/secret', 'in.bin', 'program-other')).err).toContain('was made for program');
    const swapped = await decrypt('keys/secret', 'far-in.bin');
    expect([swapped.code, swapped.out]).toEqual([1, '']);
    expect(swapped.err).toContain('the server swapped or replayed a result');
    expect((await decrypt('keys/secret', 'out.bin')).err).toContain('expected an encrypted input');
  });

  it('an input of another shape', async () => {
    writeFileSync(at('short.json'), JSON.stringify({ image: [1, 2, 3] }));
    const { code, err } = await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', at('short.json'), '--out', at('no.bin')); // biome-ignore format: short
    expect(code).toBe(1);
    expect(err).toContain('has 3 values where the model needs 16');
  });

  it('files that are cut short or damaged', async () => {
    const whole = readFileSync(at('in.bin'));
    for (const length of [0, 20, Math.floor(whole.length / 2), whole.length - 1]) {
      writeFileSync(at('bad.bin'), whole.subarray(0, length));
      const { code, err } = await run('keys/evaluation', 'bad.bin');
      expect([length, code]).toEqual([length, 1]);
      expect(err).toMatch(/ends in the middle|data end|cut short/);
    }
    for (const place of [3, 60, Math.floor(whole.length / 3)]) {
      const damaged = Buffer.from(whole);
      damaged[place]! ^= 1;
      writeFileSync(at('bad.bin'), damaged);
      expect((await run('keys/evaluation', 'bad.bin')).code).toBe(1);
    }
    writeFileSync(at('bad.bin'), Buffer.concat([whole, Buffer.from([1])]));
    expect((await run('keys/evaluation', 'bad.bin')).code).toBe(1);
    expect(existsSync(at('no.bin'))).toBe(false);
  });

  it('evaluation keys with a part missing, damaged or exchanged, and a list of somebody else', async () => {
    cpSync(at('keys/evaluation'), at('bad-keys'), { recursive: true });
    const [first, second] = readdirSync(at('bad-keys/parts')) as [string, string];
    const part = (name: string) => at(`bad-keys/parts/${name}`);
    const whole = readFileSync(part(first));
    const refused = async (why: RegExp) => {
      const { code, err } = await run('bad-keys', 'in.bin');
      expect([code, err]).toEqual([1, expect.stringMatching(why)]);
    };
    rmSync(part(first));
    await refused(/cannot read .*run keygen again/);
    for (const bytes of [whole.subarray(1), Buffer.concat([whole, Buffer.from([0])]), readFileSync(part(second))]) {
      writeFileSync(part(first), bytes);
      await refused(/is damaged: remove it and run keygen again/);
    }
    writeFileSync(part(first), whole);
    const list = JSON.parse(readFileSync(at('bad-keys/list.json'), 'utf8'));
    const changes: [object, RegExp][] = [
      [{ parts: [list.parts[1], list.parts[0], ...list.parts.slice(2)] }, /holds .*, expected/],
      [{ parts: list.parts.slice(1) }, /has \d+ parts, its keys have/],
      [{ keys: list.keys.slice(1) }, /another plan/],
      [{ keys: [...list.keys, ['galois', 4, 1, 1]] }, /may not be made/],
      [{ key: 'x' }, /key: /],
    ];
    for (const [change, why] of changes) {
      writeFileSync(at('bad-keys/list.json'), JSON.stringify({ ...list, ...change }));
      await refused(why);
    }
    expect(existsSync(at('no.bin'))).toBe(false);
  });

  it('a program whose model was exchanged', async () => {
    savePolynomialModel(at('program-other/server'), model);
    const { code, err } = await cli('explain', at('program-other'));
    expect(code).toBe(1);
    expect(err).toContain('compile it again');
  });

  it('a folder that is no program or no model', async () => {
    expect((await cli('explain', folder)).err).toContain('give the folder that compile wrote');
    expect((await cli('compile', folder, '--out', at('p'))).err).toContain('is not the folder of a polynomial model');
    expect((await cli('compile', at('model'), '--out', at('program'))).err).toContain('already exists');
  });
});
