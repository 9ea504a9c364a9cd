// The examples of browsers and Node, from the tarballs as strangers have them, against a service of headlines. The ring of the
// service is insecure and small: the page's worker and the script's library are told to take it, all else is what is packed.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PolynomialEvaluator, prepareInput } from '@cipherformer/model';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from '../apps/web/test/browser.ts';
import { type FileServer, serveFiles } from '../apps/web/test/file-server.ts';
import { smallHeadlines, smallProgram, startService } from '../apps/web/test/small.ts';
import type { ServiceProcess } from '../packages/service/test/killable.ts';
import { Installation } from '../scripts/installed.mjs';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const viteFile = join(root, 'node_modules/vite/bin/vite.js');
const headline = 'Late goal sends the underdogs through';
const model = smallHeadlines();
const logits = [...new PolynomialEvaluator(model.graph).run(prepareInput(model, { text: headline }))];
const expected = model.classes![logits.indexOf(Math.max(...logits))]!;

let installation: Installation;
let work: string;
let browser: Browser;
let service: ServiceProcess;
let servers: Record<'page' | 'vite', FileServer>;
/** Where an example is copied to: what is installed lies above it. */
const example = (name: string, ...file: string[]) => join(installation.folder, name, ...file);

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'examples-'));
  installation = await Installation.make();
  for (const name of ['page', 'node']) cpSync(join(root, 'examples', name), example(name), { recursive: true });
  // Beside what is installed, as `npm install` leaves it: its package.json names packages of the registry.
  cpSync(join(root, 'examples/vite'), installation.folder, {
    recursive: true,
    filter: (path) => !path.endsWith('package.json'),
  });
  installation.add('vite');
  await buildInsecureWorker(join(work, 'worker'));
  // The service has to know the origins of the pages, and the pages the address of the service.
  servers = {
    page: await servePage(example('page'), () => `'self' 'sha256-${digest(scriptOf(pageHtml()))}'`, pageHtml),
    vite: await servePage(join(installation.folder, 'dist'), () => "'self'"),
  };
  service = await startService({
    folders: [await smallProgram(work, 'headlines', model)],
    data: join(work, 'data'),
    open: true,
    allowOrigins: Object.values(servers).map(originOf),
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await service?.kill();
  for (const server of Object.values(servers ?? {})) await server.close();
  installation?.remove();
  rmSync(work, { recursive: true, force: true });
});

const originOf = ({ port }: FileServer) => `http://localhost:${port}`;
const scriptOf = (html: string) => /<script type="module">(.*)<\/script>/s.exec(html)![1]!;
const digest = (text: string) => createHash('sha256').update(text).digest('base64');
const pageHtml = () =>
  readFileSync(example('page', 'index.html'), 'utf8').replace('http://127.0.0.1:8080', service.url);

/** A worker of pages that takes the insecure ring, as worker.js of a folder. */
async function buildInsecureWorker(outDir: string): Promise<void> {
  const input = join(root, 'apps/web/test/insecure-worker.ts');
  await build({
    configFile: join(root, 'packages/client/vite.config.ts'),
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, rollupOptions: { input, output: { entryFileNames: 'worker.js' } } },
  });
}

/** Serves a page under a policy that lets it load its own files and ask the service, with the worker of tests in the place of its own. */
function servePage(folder: string, scripts: () => string, html?: () => string): Promise<FileServer> {
  const policy = () => `default-src 'none'; script-src ${scripts()} 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; connect-src 'self' ${service.url}; base-uri 'none'; form-action 'none'`;
  return serveFiles(
    { '': folder, insecure: join(work, 'worker') },
    {
      headers: () => ({ 'content-security-policy': policy() }),
      instead: (path) => {
        if (/^(client\/)?assets\/worker-[\w-]+\.js$/.test(path)) return "import '/insecure/worker.js';";
        return path === 'index.html' ? html?.() : undefined;
      },
    },
  );
} // biome-ignore format: one line

/** Opens a page and asks. @returns what it shows in the end, and what the browser complained of */
async function askPage(server: FileServer): Promise<{ shown: string | null; messages: string[] }> {
  const page = await browser.newPage();
  const messages: string[] = [];
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(error.message));
  await page.goto(`${originOf(server)}/`);
  await page.fill('[name=headline]', headline);
  await page.click('[type=submit]');
  // A label, or an error in words.
  await page.waitForFunction((labels) => {
    const text = document.querySelector('output')!.textContent!;
    return labels.includes(text) || /\. |Error/.test(text);
  }, model.classes!, { timeout: 120_000 });
  const shown = await page.textContent('output');
  await page.close();
  return { shown, messages };
} // biome-ignore format: one line each

it('the page of twelve lines, under a policy that knows its script and its service', async () => {
  expect(pageHtml().trimEnd().split('\n')).toHaveLength(12);
  const bundle = join(installation.folder, 'node_modules/@cipherformer/client/dist/bundle');
  cpSync(bundle, example('page', 'client'), { recursive: true });
  expect(await askPage(servers.page)).toEqual({ shown: expected, messages: [] });
});

it('the page that Vite builds, under the same policy', async () => {
  const env = { ...process.env, VITE_SERVICE: service.url, NODE_ENV: 'production' };
  await run(process.execPath, [viteFile, 'build', '--logLevel', 'error'], { cwd: installation.folder, env });
  expect(await askPage(servers.vite)).toEqual({ shown: expected, messages: [] });
});

it('the page while Vite serves its sources: the worker starts, and refuses the insecure ring', async () => {
  const env = { ...process.env, VITE_SERVICE: service.url };
  const port = new URL(originOf(servers.vite)).port;
  await servers.vite.close();
  const dev = spawn(process.execPath, [viteFile, '--port', port, '--strictPort'], {
    cwd: installation.folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => dev.stdout.once('data', resolve));
    expect((await askPage(servers.vite)).shown).toMatch(/below 128-bit security/);
  } finally {
    dev.kill();
  }
});

it('the script in Node, which asks again with the keys that are there', async () => {
  const library = "import * as door from 'cipherformer';\nexport const connect = (url, options) => door.connect(url, { ...options, insecure: true });\n";
  writeFileSync(example('node', 'insecure.mjs'), library);
  const script = readFileSync(example('node', 'ask.mjs'), 'utf8').replace("from 'cipherformer'", "from './insecure.mjs'");
  writeFileSync(example('node', 'ask.mjs'), script);
  const env = { ...process.env, XDG_DATA_HOME: join(work, 'home') };
  const ask = () => run(process.execPath, ['ask.mjs', service.url, headline], { cwd: example('node'), env });
  const first = await ask();
  expect(first.stdout).toBe(`${expected}\n`);
  expect(first.stderr).toMatch(/^keys \d+ of \d+$/m);
  const second = await ask();
  expect(second.stdout).toBe(first.stdout);
  expect(second.stderr).not.toMatch(/^keys [1-9]\d* of/m);
}); // biome-ignore format: one line each
