// A service behind nginx and behind Caddy, and as a unit of systemd, each with the lines of docs/service.md: they are read from there.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Machine, startListening, systemProgram } from '../shared/machines.ts';
import { bundle, caller, randomParts, readyKeyset, request, serve, workspace } from '../support.ts';

const folder = mkdtempSync(join(tmpdir(), 'proxies-'));
const guide = readFileSync(join(import.meta.dirname, '../../../../docs/service.md'), 'utf8');
const linesOf = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(guide)![1]!;
const place = workspace();
let files: Awaited<ReturnType<typeof bundle>>;
let service: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  files = await bundle(['worker']);
});
afterAll(() => {
  files.dispose();
  place.dispose();
  rmSync(folder, { recursive: true });
});

function startNginx(at: string): Promise<Machine> {
  for (const name of ['tmp', 'logs']) mkdirSync(join(folder, 'nginx', name), { recursive: true });
  const nginx = systemProgram(['nginx'], 'nginx-light');
  return startListening(join(folder, 'nginx'), (port) => {
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path tmp/${kind};`);
    const lines = linesOf('nginx').replace('127.0.0.1:8080', at);
    const text = `daemon off; master_process off; pid nginx.pid; events {} http { access_log off; ${kept.join(' ')} server { listen 127.0.0.1:${port}; ${lines} } }`;
    writeFileSync(join(folder, 'nginx/nginx.conf'), text);
    return [nginx, ['-p', join(folder, 'nginx'), '-c', 'nginx.conf', '-e', 'logs/error.log']];
  });
}

function startCaddy(at: string): Promise<Machine> {
  const caddy = systemProgram(['caddy'], 'caddy');
  return startListening(join(folder, 'caddy'), (port) => {
    const lines = linesOf('caddyfile')
      .replace('models.example', `http://127.0.0.1:${port}`)
      .replace('127.0.0.1:8080', at);
    writeFileSync(join(folder, 'caddy/Caddyfile'), `{\n  admin off\n}\n${lines}`);
    return [caddy, ['run', '--config', join(folder, 'caddy/Caddyfile'), '--adapter', 'caddyfile']];
  });
}

describe.each([
  ['nginx', startNginx],
  ['Caddy', startCaddy],
])('behind %s', (name, start) => {
  let proxy: Machine;
  let url: string;
  beforeAll(async () => {
    service = await serve(
      place.options(files.path('worker'), { data: join(folder, `data-${name}`), behindProxy: true, open: true }),
    );
    proxy = await start(new URL(service.url).host);
    url = `http://127.0.0.1:${proxy.port}`;
  }, 300_000);
  afterAll(async () => {
    await service.close();
    await proxy.stop();
  });

  it('parts and large requests pass, events come as they happen, and nobody chooses their address', async () => {
    const owner = (address: string) =>
      caller(url).call('/v1/owners', { method: 'POST', headers: { 'x-forwarded-for': address } });
    const { token } = (await owner('192.0.2.1')).json;
    const api = caller(url, token);
    const set = await readyKeyset(api, randomParts(2, 8 * 2 ** 20));
    expect(set.state).toBe('ready');

    const orders = Buffer.concat([request({ steps: 20, stepMs: 100 }), Buffer.alloc(20 * 2 ** 20, ' ')]);
    const sent = await api.submit(place.program.digest, set.id, new Uint8Array(orders));
    expect(sent.status).toBe(202);
    const response = await fetch(`${url}/v1/jobs/${sent.json.id}/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const times: number[] = [];
    let text = '';
    for await (const chunk of response.body!) {
      times.push(performance.now());
      text += new TextDecoder().decode(chunk);
    }
    expect(text).toContain('"state":"done"');
    // A run takes two seconds: held back by a proxy, all would come at its end.
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1000);
    expect(times.length).toBeGreaterThan(5);
    expect((await api.call(`/v1/jobs/${sent.json.id}/result`)).status).toBe(200);

    const statuses: number[] = [];
    for (let i = 2; i <= 6; i++) statuses.push((await owner(`192.0.2.${i}`)).status);
    expect(statuses).toEqual([201, 201, 201, 201, 429]);
  }, 120_000);
});

describe('the unit of systemd', () => {
  const verify = (text: string) => {
    const file = join(folder, 'cipherformer.service');
    writeFileSync(file, text);
    const analyze = systemProgram(['systemd-analyze'], 'systemd');
    const { status, stderr } = spawnSync(analyze, ['verify', '--man=no', file], { encoding: 'utf8' });
    // What it says of units of this machine is not ours.
    return { status, said: stderr.split('\n').filter((line) => line.includes('cipherformer.service')) };
  };
  // It has to be there: where npm puts it is no matter of systemd's.
  const unit = linesOf('systemd').replace(/(?<=ExecStart=)\S+/, process.execPath);

  it('is one that systemd reads without a complaint', () => {
    expect(verify(unit)).toEqual({ status: 0, said: [] });
    expect(verify(unit.replace('KillMode', 'KillMod')).said).toEqual([
      expect.stringContaining("Unknown key 'KillMod'"),
    ]);
  }, 300_000);
});
