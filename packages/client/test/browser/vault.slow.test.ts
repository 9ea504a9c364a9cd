// What a browser keeps of an owner, in a real IndexedDB: two tabs lose no count, agree on one key, and stop when it is deleted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, type InlineConfig, type PreviewServer, preview } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launchBrowser } from '../../../../apps/web/test/browser.ts';
import type { VaultProbe } from './vault-page/main.ts';

const root = join(import.meta.dirname, 'vault-page');
const outDir = mkdtempSync(join(tmpdir(), 'vault-page-'));
let server: PreviewServer;
let browser: Browser;
let person: BrowserContext;
let tabs: [Page, Page];

beforeAll(async () => {
  const common: InlineConfig = {
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@cipherformer/source'] },
  };
  await build({ ...common, build: { outDir, emptyOutDir: true, target: 'es2022' } });
  server = await preview({ ...common, build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(outDir, { recursive: true, force: true });
});
beforeEach(async () => {
  person = await browser.newContext();
  tabs = [await tab(), await tab()];
});
afterEach(() => person.close());

async function tab(): Promise<Page> {
  const page = await person.newPage();
  await page.goto(server.resolvedUrls!.local[0]!);
  await page.waitForFunction(() => 'probe' in globalThis);
  return page;
}

const probed = <T>(page: Page, act: (probe: VaultProbe) => Promise<T>): Promise<T> =>
  page.evaluate(`(${act.toString()})(globalThis.probe)`) as Promise<T>;

it('tabs that make a key at the same time keep one', async () => {
  const made = await Promise.all(tabs.map((page) => probed(page, (probe) => probe.keep())));
  expect(made[0]).toEqual(made[1]);
  expect(await probed(tabs[1], (probe) => probe.keep())).toEqual(made[0]);
});

it('tabs that count at the same time lose no count', async () => {
  for (const page of tabs) await probed(page, (probe) => probe.keep());
  const counts = await Promise.all(tabs.map((page) => probed(page, (probe) => probe.count(150))));
  expect(counts).toContainEqual({ dishonest: 300, outOfRange: 600, allowed: 700 });
  // Over a reload as well, and for this key of the owner alone.
  await tabs[0].reload();
  await tabs[0].waitForFunction(() => 'probe' in globalThis);
  expect(await probed(tabs[0], (probe) => probe.count(0))).toEqual({ dishonest: 300, outOfRange: 600, allowed: 700 });
  expect(await probed(tabs[0], (probe) => probe.count(0, 'another key'))).toEqual({ dishonest: 0, outOfRange: 0, allowed: 256 }); // biome-ignore format: one call
});

it('row 2: an export that is older than its counts does not lower them', async () => {
  const counts = { dishonest: 2, outOfRange: 4, allowed: 700 };
  await probed(tabs[0], (probe) => probe.keep());
  expect(await probed(tabs[0], (probe) => probe.count(2))).toEqual(counts);
  await probed(tabs[0], (probe) => probe.replace({ dishonest: 0, outOfRange: 5, allowed: 256 }));
  expect(await probed(tabs[0], (probe) => probe.count(0))).toEqual({ ...counts, outOfRange: 5 });
  await probed(tabs[0], (probe) => probe.replace({ dishonest: 0, outOfRange: 0, allowed: 256 }, 'another key'));
  expect(await probed(tabs[0], (probe) => probe.count(0))).toEqual({ ...counts, outOfRange: 5 });
});

it('digests of parts are there again after a reload, those of another key are not', async () => {
  for (const page of tabs) await probed(page, (probe) => probe.keep());
  await probed(tabs[0], (probe) => probe.remember(['a', 'b'], 'one key'));
  await tabs[0].reload();
  await tabs[0].waitForFunction(() => 'probe' in globalThis);
  for (const page of tabs) {
    expect(await probed(page, (probe) => probe.recall(['a', 'b', 'c'], 'one key'))).toEqual(['digest of a', 'digest of b', null]); // biome-ignore format: one call
    expect(await probed(page, (probe) => probe.recall(['a', 'b'], 'one key and more'))).toEqual([null, null]);
  }
});

it('a key that another tab has deleted counts nothing, also when there is a new one', async () => {
  await Promise.all(tabs.map((page) => probed(page, (probe) => probe.keep())));
  await probed(tabs[0], (probe) => probe.forget());
  expect(await probed(tabs[1], (probe) => probe.count(1).catch(({ name }: Error) => name))).toBe('KeyDeleted');
  await probed(tabs[0], (probe) => probe.keep());
  expect(await probed(tabs[1], (probe) => probe.count(1).catch(({ name }: Error) => name))).toBe('KeyDeleted');
  expect(await probed(tabs[0], (probe) => probe.count(0))).toEqual({ dishonest: 0, outOfRange: 0, allowed: 256 });
});

it('what lies in the storage is sealed, and its key stays in the browser', async () => {
  await probed(tabs[0], (probe) => probe.keep());
  for (const page of tabs)
    expect(await probed(page, (probe) => probe.taken())).toEqual({ extractable: false, exported: 'InvalidAccessError', master: false }); // biome-ignore format: one call
});

it('a passphrase opens what it sealed after a reload, and no other does', async () => {
  const made = await probed(tabs[0], (probe) => probe.keep('correct horse battery'));
  await tabs[0].reload();
  await tabs[0].waitForFunction(() => 'probe' in globalThis);
  expect(await probed(tabs[0], (probe) => probe.keep('correct horse battery'))).toEqual(made);
  const without = (given: string) => tabs[0].evaluate(`globalThis.probe.keep(${given}).catch(({ code }) => code)`);
  expect(await without("'wrong horse battery'")).toBe('wrong-passphrase');
  expect(await without('')).toBe('passphrase-needed');
});

it('what the release before kept is there, and programs are remembered beside it', async () => {
  const other = await browser.newContext();
  const page = await other.newPage();
  const url = server.resolvedUrls!.local[0]!;
  await page.route('**/blank', (route) => route.fulfill({ contentType: 'text/html', body: '<p></p>' }));
  await page.goto(`${url}blank`);
  await page.evaluate(async () => {
    const request = indexedDB.open('cipherformer', 2);
    request.onupgradeneeded = () => {
      for (const store of ['owners', 'tokens', 'parts', 'verdicts', 'pending']) request.result.createObjectStore(store);
      request.transaction!.objectStore('owners').put({ name: 'of before', sealed: {} }, 'https://service.example');
    };
    await new Promise((resolve) => {
      request.onsuccess = resolve;
    });
    request.result.close();
  });
  await page.goto(url);
  await page.waitForFunction(() => 'probe' in globalThis);
  expect(await probed(page, (probe) => probe.name())).toBe('of before');
  expect(await probed(page, (probe) => probe.programs(['digits', 'words']))).toEqual([1, 1]);
  await probed(page, (probe) => probe.forget());
  expect(await probed(page, (probe) => probe.programs([]))).toEqual([0, 0]);
  await other.close();
});

it('one service knows nothing of the owner of another', async () => {
  await probed(tabs[0], (probe) => probe.keep());
  expect(await probed(tabs[0], (probe) => probe.other())).toBe(true);
});
