// The WebAssembly builds in a real browser, through a bundler, served over HTTP.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build, createLogger, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadKernels } from '../../src/kernels/index.ts';
import pinned from '../wire/key-parts-vectors.json' with { type: 'json' };
import { launchChromium } from './chromium.ts';
import { fingerprint } from './fingerprint.ts';
import type { PageReport } from './page/main.ts';

let outDir: string;
let server: PreviewServer;
let browser: Browser;
let report: PageReport;
const warnings: string[] = [];

beforeAll(async () => {
  outDir = mkdtempSync(join(tmpdir(), 'cipherformer-page-'));
  const root = fileURLToPath(new URL('page', import.meta.url));
  const note = (message: string) => {
    if (/externalized|warn/i.test(message)) warnings.push(message);
  };
  await build({
    root,
    configFile: false,
    // A Node module that is reached by an import is a line of information, not a warning, to vite.
    customLogger: { ...createLogger('info'), info: note, warn: note, warnOnce: note },
    build: { outDir, emptyOutDir: true },
  });
  server = await preview({
    root,
    configFile: false,
    logLevel: 'silent',
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0 },
  });
  browser = await launchChromium();
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(server.resolvedUrls!.local[0]!);
  const state = () => globalThis as unknown as { report?: PageReport; failure?: string };
  await page
    .waitForFunction(() => 'report' in globalThis || 'failure' in globalThis, undefined, { timeout: 120_000 })
    .catch((error: Error) => {
      throw new Error(`the page did not finish: ${errors.join('; ') || error.message}`);
    });
  const { report: found, failure } = await page.evaluate(() => {
    const { report, failure } = globalThis as unknown as ReturnType<typeof state>;
    return { report, failure };
  });
  if (!found) throw new Error(`the page failed: ${failure}`);
  report = found;
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(outDir, { recursive: true, force: true });
});

describe('the kernels in Chromium', () => {
  it('come through the bundler as two WebAssembly files, without Node’s modules', () => {
    const files = readdirSync(join(outDir, 'assets'));
    expect(files.filter((file) => file.endsWith('.wasm'))).toHaveLength(2);
    expect(files.filter((file) => !/\.(wasm|js)$/.test(file))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('are WebAssembly with relaxed SIMD, chosen unasked', () => {
    expect(report.builds.filter(({ usable }) => usable).map(({ name }) => name)).toEqual(['wasm-relaxed', 'wasm']);
    expect(report.chosen).toBe('wasm-relaxed');
  });

  it('explain why native builds are not there', () => {
    expect(report.nativeError).toMatch(/^KernelError: .*native kernels run in Node only/s);
  });

  it.each(['wasm-relaxed', 'wasm'])('compute the known answers (%s)', (name) => {
    const result = report.results.find(({ build: b }) => b === name);
    expect(result?.tests.length).toBeGreaterThan(10);
    expect(result?.tests.filter(({ passed }) => !passed)).toEqual([]);
  });

  it('compute what Node computes at N = 2^12', async () => {
    const here = fingerprint(await loadKernels());
    expect(report.results.map((result) => result.fingerprint)).toEqual([here, here]);
  });

  it.each(['wasm-relaxed', 'wasm'])('make the parts of evaluation keys that are pinned (%s)', (name) => {
    expect(report.results.find(({ build: b }) => b === name)?.parts).toEqual(pinned);
  });
});
