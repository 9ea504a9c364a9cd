// Questions that go on where a worker, the server or their owner stopped, or whose program was changed: processes that are killed, on an insecure ring.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Transport, VolatileTokens } from '@cipherformer/client';
import { describe, expect, it } from 'vitest';
import { insecureCli as cli } from '../commands/cli.ts';
import { best, clear, queryFixture } from './query-fixture.ts';
import { until } from './support.ts';

const { at, pixels, start, startProcess, ask, partsOf, timesOf } = queryFixture();

describe('an open service', () => {
  it('answers two owners, each with a token that their client got and kept, through a kill of the service', async () => {
    const { url, kill, restart } = await startProcess({ data: at('open'), port: 0, open: true });
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
          await kill();
          await restart();
        }
        expect(await asked).toMatchObject({ code: 0, out: `${best(clear({ pixels }))} (in range)\n` });
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

describe('a program that was changed', () => {
  it('is shown before keys are made for it, keeps the parts that are there, and is agreed to by its digest', async () => {
    const first = await start('changed');
    const before = first.programs[0]!.digest;
    expect((await ask(first.url, 'changed-keys')).code).toBe(0);
    const kept = timesOf('changed');
    await first.service.close();
    const port = Number(new URL(first.url).port);
    const { url, programs } = await start('changed', { folders: [at('pairs')], port });
    const { digest: now, plan } = programs[0]!;
    expect([url, plan === first.programs[0]!.plan]).toEqual([first.url, false]);

    const refused = await ask(url, 'changed-keys', '--json');
    const { code, message, hint } = JSON.parse(refused.out).error;
    const [was, is] = [before.slice(0, 12), now.slice(0, 12)];
    expect([refused.code, code, message, hint]).toEqual([
      ...[1, 'program-changed'],
      expect.stringMatching(
        new RegExp(`another program under the name tiny \\(image-classification\\) than before: ${is} in the place of ${was}; of its keys [1-9]\\d* parts are at the service already, [1-9]\\d* \\(.* GiB\\) would be made`),
      ),
      expect.stringContaining('--program'),
    ]);
    expect(refused.err).not.toContain('making');
    expect(timesOf('changed')).toEqual(kept);
    // It is not agreed to by asking twice.
    expect((await ask(url, 'changed-keys')).code).toBe(1);

    expect(await ask(url, 'changed-keys', '--program', is)).toMatchObject({ code: 0, out: `${best(clear({ pixels }))} (in range)\n` });
    const after = timesOf('changed');
    expect(after.size).toBeGreaterThan(kept.size);
    for (const [name, time] of kept) expect(after.get(name)).toBe(time);
    // From now on it is the one that is known; a first visit elsewhere shows nothing.
    expect((await ask(url, 'changed-keys')).code).toBe(0);
    expect((await ask((await start('elsewhere')).url, 'changed-keys')).code).toBe(0);
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
    const { url, kill, restart } = await startProcess({ data: at('killed-server'), port: 0 });
    const asked = ask(url, 'keys');
    await until(() => partsOf('killed-server').length, (count) => count >= 5); // biome-ignore format: short
    await kill();
    const before = timesOf('killed-server');
    await restart();
    const { code, out } = await asked;
    expect([code, out]).toEqual([0, `${best(clear({ pixels }))} (in range)\n`]);
    const after = timesOf('killed-server');
    expect(after.size).toBeGreaterThan(before.size);
    // Two are on their way at a time: of them nobody had been told yet.
    const again = [...before].filter(([name, time]) => after.get(name) !== time);
    expect(again.length).toBeLessThanOrEqual(2);
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
    const { url, kill } = await startProcess({ data: at('gone'), port: 0 });
    const asked = ask(url, 'keys');
    await until(() => partsOf('gone').length, (count) => count >= 5); // biome-ignore format: short
    await kill();
    const { code, out, err } = await asked;
    expect([code, out, err]).toEqual([1, '', expect.stringMatching(/the connection to .* was lost .*check that the service runs/)]); // biome-ignore format: short
  });
});
