// How a service is started: programs and models, what the machine lacks, and the verb itself. On an insecure ring.
import { type ChildProcess, fork } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServiceOptions, startService } from '../../../service/src/run/start.ts';
import { limitWorker } from '../../../service/src/run/worker-process.ts';
import { pageFolder } from '../../src/program/page-folder.ts';
import { cli, insecureCli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';
import { until } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'serve-'));
const at = (name: string) => join(folder, name);
const noWorker = (): ChildProcess => fork(at('never'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeAll(async () => {
  savePolynomialModel(at('model'), tinyModel(3));
  await writeProgram(at('model'), at('program'), {}, insecureParameters());
});

/** Starts, looks, and stops. */
async function started(data: string, folders: readonly string[], options: Partial<ServiceOptions> = {}) {
  const notices: string[] = [];
  const { service, programs } = await startService({
    ...{ folders, data: at(data), security: { insecure: true }, parameters: insecureParameters(), spawnWorker: noWorker },
    notice: (text) => notices.push(text),
    ...options,
  }); // biome-ignore format: short
  const shown = await (await fetch(`${service.url}/v1/programs`)).json();
  await service.close();
  return { programs, notices, shown };
}

describe('a service', () => {
  it('compiles a model once, and again where it changed or no longer opens', async () => {
    const compiled = () => readdirSync(at('data/programs')).sort();
    const first = await started('data', [at('model')]);
    expect(first.notices).toEqual([expect.stringContaining('compiling'), expect.stringContaining('compiled into')]);
    expect(compiled()).toEqual([expect.stringMatching(/^model-[0-9a-f]{12}$/)]);
    const manifest = at(`data/programs/${compiled()[0]}/client/manifest.json`);
    const { mtimeMs } = statSync(manifest);

    mkdirSync(at('data/programs/cut-short.partial'));
    const second = await started('data', [at('model')]);
    expect([second.notices, statSync(manifest).mtimeMs]).toEqual([[], mtimeMs]);
    expect(second.programs[0]!.digest).toBe(first.programs[0]!.digest);
    expect(compiled().length).toBe(1);

    writeFileSync(manifest, readFileSync(manifest, 'utf8').slice(1));
    expect((await started('data', [at('model')])).notices[0]).toMatch(/does not open here .*compiling it again/);

    cpSync(at('model'), at('other/model'), { recursive: true });
    savePolynomialModel(at('other/model'), tinyModel(4));
    const other = await started('data', [at('model'), at('other/model')]);
    expect(other.notices.length).toBe(2);
    expect(compiled().length).toBe(2);
    expect(other.shown.programs.length).toBe(2);
  });

  it('that is stopped while it starts compiles nothing more', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(started('stopped', [at('model')], { signal })).rejects.toThrow('enough');
    expect(readdirSync(at('stopped/programs'))).toEqual([]);
  });

  it('shows of a program what its manifest says, and no other file of its folder', async () => {
    writeFileSync(at('program/client/stray'), 'not of the program');
    const { programs, shown } = await started('shown', [at('program')]);
    const { digest, keys, predicted } = programs[0]!.manifest;
    expect(shown.programs).toEqual([
      {
        digest,
        plan: keys.plan,
        summary: {
          ...{ name: 'tiny', task: 'image-classification', classes: ['cat', 'dog', 'bird'], batch: 1 },
          keys: { keyBytes: keys.keyBytes, wireBytes: keys.wireBytes },
          predicted: { cpuSeconds: predicted.cpuSeconds, peakBytes: predicted.peakBytes },
        },
        files: [expect.objectContaining({ name: 'manifest.json' })],
      },
    ]);
  });

  it('gives polynomial models away where that is asked for, and says that of a program it cannot', async () => {
    const { shown } = await started('published', [at('model')], { publishModel: true });
    const names = shown.programs[0].model.map(({ name }: { name: string }) => name).sort();
    expect(names).toEqual(['README.md', 'model.safetensors', 'polynomial.json']);
    const refused = started('published', [at('program')], { publishModel: true });
    await expect(refused).rejects.toThrow(/is a compiled program, of which no model can be given away/);
  });

  it('says in words why it cannot start', async () => {
    mkdirSync(at('empty'));
    writeFileSync(at('file'), '');
    const taken = createServer().listen(0, '127.0.0.1');
    await until(() => taken.address(), (address) => address !== null); // biome-ignore format: short
    const { port } = taken.address() as { port: number };
    const wrong: [string, readonly string[], Partial<ServiceOptions>, RegExp][] = [
      ['why', [at('empty')], {}, /is neither the folder of a program .* nor of a polynomial model/],
      ['why', [at('nowhere')], {}, /is neither/],
      ['why', [at('program/client')], {}, /both halves are needed/],
      ['why', [at('program')], { security: {} }, /refused/],
      ['why', [at('program'), at('program')], {}, /given twice/],
      ['why', [at('program')], { port }, /port \d+: it is taken; choose another port/],
      ['why', [at('program')], { page: at('empty') }, /has no index.html/],
      ['file', [at('program')], {}, /cannot use .*choose another folder/],
    ];
    for (const [data, folders, options, why] of wrong)
      await expect(started(data, folders, options), why.source).rejects.toThrow(why);
    taken.close();
    // None of them left the data folder locked.
    expect((await started('why', [at('program')])).programs.length).toBe(1);
  });

  it('has its data folder alone', async () => {
    const options = { folders: [at('program')], data: at('mine'), security: { insecure: true }, spawnWorker: noWorker, notice: () => {} }; // biome-ignore format: short
    await started('mine', []);
    const { service } = await startService(options);
    await expect(startService(options)).rejects.toThrow(
      /is in use by another service: stop that one, or choose another/,
    );
    await service.close();
  });

  it('touches nothing in a folder of something else, such as the keys that keygen made', async () => {
    const evaluation = at('foreign');
    mkdirSync(join(evaluation, 'programs', 'mine.partial'), { recursive: true });
    mkdirSync(join(evaluation, 'parts'));
    for (const name of ['list.json', `parts/${'a'.repeat(64)}`]) writeFileSync(join(evaluation, name), 'kept');
    const files = () => readdirSync(evaluation, { recursive: true }).toSorted();
    const before = files();
    await expect(started('foreign', [at('model')])).rejects.toThrow(
      /no data folder of a service.*choose another folder/,
    );
    expect(files()).toEqual(before);
    rmSync(join(evaluation, 'programs'), { recursive: true });
    await expect(started('foreign', [at('model')])).rejects.toThrow(/no data folder/);
    expect(readdirSync(evaluation)).not.toContain('programs');
  });

  it('refuses a program that needs more memory than the machine has', async () => {
    cpSync(at('program'), at('large'), { recursive: true });
    const path = at('large/client/manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...manifest, predicted: { ...manifest.predicted, peakBytes: 2 ** 50 } }));
    await expect(started('memory', [at('large')])).rejects.toThrow(/takes about .* GiB of memory/);
  });
});

async function freePort(): Promise<number> {
  const free = createServer().listen(0, '127.0.0.1');
  await until(() => free.address(), (address) => address !== null); // biome-ignore format: short
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  return port;
}

it('a process that computes is held to its memory, and goes first where the machine has none left', async () => {
  const child = fork(join(import.meta.dirname, 'fixtures/idle.mjs'), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  limitWorker(child, 3 * 2 ** 30);
  const proc = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, 'utf8');
  try {
    await until(() => proc('limits'), (limits) => /Max data size +3221225472 /.test(limits)); // biome-ignore format: short
    expect(proc('limits')).toMatch(/Max core file size +0 /);
    await until(() => proc('oom_score_adj'), (score) => score.trim() === '1000'); // biome-ignore format: short
  } finally {
    child.kill('SIGKILL');
  }
  await expect(started('small', [at('program')], { workerBytes: 2 ** 20 })).rejects.toThrow(/0.00 GiB are free here/);
});

describe('the verb worker', () => {
  it('says what it needs: something to compute, and the Redis and the bucket of its services', async () => {
    const wrong: [string[], RegExp][] = [
      [[at('program')], /a worker needs what it shares with its services: Redis and a bucket/],
      [[at('program'), '--redis', 'redis://127.0.0.1:1'], /give both, or none/],
      [['--redis', 'redis://127.0.0.1:1', '--bucket', 'b'], /there is nothing to serve or compute/],
    ];
    for (const [options, why] of wrong) {
      const { code, err } = await cli('worker', '--data', at('worker'), ...options);
      expect([code, err], why.source).toEqual([2, expect.stringMatching(why)]);
    }
    const { code, err } = await insecureCli('worker', at('program'), '--data', at('worker'), '--redis', 'redis://127.0.0.1:1', '--bucket', 'b'); // biome-ignore format: short
    expect([code, err]).toEqual([1, expect.stringMatching(/Redis at 127.0.0.1:1 cannot be used/)]);
  });
});

describe('the verb serve', () => {
  it('prints where it listens and what next, and ends in order on Ctrl-C', async () => {
    const port = await freePort();
    for (const json of [[], ['--json']]) {
      const serving = insecureCli('serve', at('program'), '--data', at('verb'), '--port', `${port}`, ...json);
      await until(() => fetch(`http://127.0.0.1:${port}/healthz`).then(({ ok }) => ok, () => false), (ok) => ok); // biome-ignore format: short
      process.emit('SIGINT');
      const { code, out, err } = await serving;
      expect([code, err]).toEqual([0, expect.stringMatching(/stopping: what is under way ends[\s\S]*stopped; all/)]);
      const url = `http://127.0.0.1:${port}`;
      if (json.length > 0) {
        const { url: printed, programs } = JSON.parse(out);
        expect([printed, programs[0].name, programs[0].task]).toEqual([url, 'tiny', 'image-classification']);
      } else {
        expect(out).toMatch(new RegExp(`^${url}\\n {2}[0-9a-f]{12} tiny .*of keys once`));
        expect(out).toContain(`npx cipherformer query ${url} --image digit.png`);
        expect(out).toContain(pageFolder() === undefined ? 'the page is not built: npm run build' : 'open it in a browser');
      }
    } // biome-ignore format: lines
  });

  it('takes what is given over the environment over a file, and answers to tokens that were given', async () => {
    const data = at('tokens');
    const config = at('service.json');
    const port = await freePort();
    writeFileSync(config, JSON.stringify({ folders: [at('program')], data: at('not this one'), port: 1, open: true, limits: { keysets: 1 } }));
    const added = JSON.parse((await cli('token', 'add', 'first', '--data', data, '--json')).out);
    expect(added).toMatchObject({ name: 'first', token: expect.stringMatching(/^cf_[A-Za-z0-9_-]{43}$/) });
    expect(await cli('token', 'add', 'first', '--data', data)).toMatchObject({ code: 2, err: expect.stringContaining('already') });
    expect((await cli('token', 'list', '--data', data)).out).toMatch(/^first: since 20\d\d-\d\d-\d\d, 0 key sets, .*, 0 jobs\n$/);
    process.env.CIPHERFORMER_DATA = data;
    process.env.CIPHERFORMER_PORT = '2';
    try {
      const serving = insecureCli('serve', '--config', config, '--json', '--log', 'json', '--metrics-port', '0', '--port', `${port}`);
      const ask = (headers = {}) => fetch(`http://127.0.0.1:${port}/v1/keysets`, { headers }).then(({ status }) => status, () => 0);
      await until(() => ask(), (status) => status === 401);
      expect(await ask({ authorization: `Bearer ${added.token}` })).toBe(200);
      process.emit('SIGINT');
      const { code, out, err } = await serving;
      expect([code, err]).toEqual([0, expect.stringContaining('"level":30')]);
      expect(JSON.parse(out)).toMatchObject({ data, metricsUrl: expect.stringMatching(/^http:..127.0.0.1:\d+.metrics$/) });
    } finally {
      delete process.env.CIPHERFORMER_DATA;
      delete process.env.CIPHERFORMER_PORT;
    }
    expect(await cli('token', 'revoke', 'first', '--data', data)).toMatchObject({ code: 0, out: expect.stringMatching(/first opens nothing any more; .*until they expire/) });
    expect((await cli('token', 'revoke', 'first', '--data', data)).code).toBe(2);
    expect((await cli('token', 'list', '--data', data)).out).toMatch(/^this machine: /m);
  }); // biome-ignore format: lines

  it('says in words what is wrong with its configuration', async () => {
    const config = at('wrong.json');
    const wrong: [string, string[], RegExp][] = [
      ['{', [], /wrong.json is no JSON/],
      ['{"prot":1}', [], /wrong.json cannot be used: .*prot/],
      ['{"limits":{"keysets":"many"}}', [], /limits.keysets/],
      ['{}', ['--tls-cert', at('none')], /belong together/],
      ['{}', ['--tls-cert', at('none'), '--tls-key', at('none')], /none cannot be read/],
      ['{"publishModel":true}', [], /program is a compiled program, of which no model can be given away: serve the folder of the polynomial model/],
      [JSON.stringify({ folders: [at('nowhere')] }), ['--publish-model'], /program is a compiled program, of which no model/],
      ['{}', ['--host', '0.0.0.0'], /0.0.0.0 can be reached from other machines/],
    ];
    for (const [text, options, why] of wrong) {
      writeFileSync(config, text);
      const { code, err } = await cli('serve', at('program'), '--config', config, '--data', at('configured'), ...options);
      expect([code === 0, err], why.source).toEqual([false, expect.stringMatching(why)]);
    }
    expect((await cli('serve', '--config', at('nowhere.json'))).err).toMatch(/cannot be read/);
    expect((await cli('serve')).err).toMatch(/nothing to serve/);
  }); // biome-ignore format: lines

  it('refuses what is below 128 bits, ports that are none, and folders that are neither', async () => {
    const data = ['--data', at('refused')];
    expect(await cli('serve', at('program'), ...data)).toMatchObject({ code: 1, err: expect.stringContaining('refused') });
    expect((await cli('serve', at('program'), ...data, '--port', '70000')).code).toBe(2);
    expect((await cli('serve', at('empty'), ...data)).code).toBe(2);
    expect((await cli('serve')).code).toBe(2);
  }); // biome-ignore format: lines
});
