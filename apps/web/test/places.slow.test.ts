// Where a page may find itself: loaded again in the middle of a run, offline, without room, without SIMD, by plain http from
// another machine, in another browser with an exported key; and asked for headlines.
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../../../packages/ckks/test/browser/chromium.ts';
import { serveFiles } from './file-server.ts';
import { ask, askText, expectWords, outcome, Scene } from './scene.ts';

let scene: Scene;
/** Somebody with keys at the service for both programs. */
let person: BrowserContext;
let page: Page;

beforeAll(async () => {
  scene = await Scene.open({ headlines: true });
  person = await scene.person();
  ({ page } = await scene.visit(person));
  await ask(page);
  expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
});
afterAll(() => scene?.close());

describe('a question', () => {
  it('that is out when the page is loaded again is answered to the new page, encrypted and sent once', async () => {
    await person.route('**/events', () => {});
    await ask(page, '7');
    const { label } = await scene.expected(page);
    await page.waitForSelector('.noise', { timeout: 60_000 });
    await expect.poll(async () => (await scene.api('/v1/jobs')).jobs!.length, { timeout: 60_000 }).toBe(1);
    await person.unrouteAll({ behavior: 'ignoreErrors' });
    const submitted: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().includes('/v1/jobs?')) submitted.push(request.url());
    });
    await page.reload();
    expect((await outcome(page)).label).toBe(label);
    expect(submitted).toEqual([]);
    await expect.poll(async () => (await scene.api('/v1/jobs')).jobs!.length).toBe(0);
    // Nothing is taken up twice.
    await page.reload();
    await page.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'));
    await page.waitForTimeout(500);
    expect(await page.isVisible('#progress')).toBe(false);
  });

  it('while the network is gone waits for it, and says so', async () => {
    await person.setOffline(true);
    await expect.poll(() => page.isVisible('.banner')).toBe(true);
    await ask(page, '0');
    await page.waitForTimeout(2000);
    await person.setOffline(false);
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    expect(await page.isVisible('.banner')).toBe(false);
  });

  it('about a headline is answered as the model says in clear', async () => {
    await page.click('.programs li:nth-child(2) button');
    await page.waitForSelector('#text');
    await askText(page, 'Central bank holds interest rates as inflation slows');
    const { label } = await outcome(page);
    await page.waitForSelector('#agreement.good');
    expect(await page.textContent('#clear-label')).toBe(label);
    await page.click('.programs li:nth-child(1) button');
  });

  it('is answered with the keys of somebody else: refused', async () => {
    const { keysets } = (await scene.api('/v1/keysets')) as { keysets: object[] };
    const stranger = await scene.person();
    const { page: tab } = await scene.visit(stranger);
    await stranger.route('**/v1/keysets', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ json: keysets[0]! }) : route.continue(),
    );
    await ask(tab);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.label).toBeUndefined();
    await stranger.close();
  });
});

describe('a key', () => {
  it('that was exported is of use in another browser, without sending keys again', async () => {
    await page.click('#take-along');
    await page.fill('#export-dialog-passphrase', 'correct horse battery');
    const saving = page.waitForEvent('download');
    await page.click('#export-dialog button[type=submit]');
    const file = await (await saving).path();
    const elsewhere = await scene.person();
    const { page: tab, requests } = await scene.visit(elsewhere);
    await tab.click('#take-in');
    await tab.setInputFiles('#import-file', file);
    await tab.fill('#import-passphrase', 'wrong horse battery');
    await tab.click('#import-dialog button[type=submit]');
    await tab.waitForSelector('#problem:not([hidden])');
    await tab.click('#take-in');
    await tab.setInputFiles('#import-file', file);
    await tab.fill('#import-passphrase', 'correct horse battery');
    await tab.click('#import-dialog button[type=submit]');
    await expect.poll(() => tab.textContent('.card [role=status]:not(:empty)')).toMatch(/in this browser now/);
    await ask(tab, '3');
    expect((await outcome(tab)).label).toBe((await scene.expected(tab)).label);
    expect(requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
    await elsewhere.close();
  });
});

describe('a browser', () => {
  it('whose storage is full says so, and nothing is sent', async () => {
    const fresh = await scene.person();
    const { page: tab, requests } = await scene.visit(fresh);
    const devtools = await fresh.newCDPSession(tab);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: scene.service.url, quotaSize: 1 });
    await ask(tab);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.problem).toMatch(/does not keep your key/);
    expect(found.text).toMatch(/full/);
    expect(requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
    await fresh.close();
  });

  it('that lets no page keep anything says so, and nothing is sent', async () => {
    const fresh = await scene.person();
    const { page: tab, requests } = await scene.visit(fresh, { open: false });
    // As site data that are blocked in its settings, which a headless one does not have: in the worker, too.
    const refuse = "IDBFactory.prototype.open = () => { throw new DOMException('refused', 'SecurityError'); };";
    await fresh.route('**/assets/insecure-worker-*.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${refuse}${await response.text()}` });
    });
    await tab.goto(scene.service.url);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.problem).toMatch(/does not keep your key/);
    expect(found.text).toMatch(/keeps nothing for this page.*allow this site to store data/);
    expect(requests.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
    await fresh.close();
  });

  it('without IndexedDB says so before anything is asked', async () => {
    const bare = await scene.person();
    await bare.addInitScript(() => void Reflect.deleteProperty(globalThis, 'indexedDB'));
    const { page: tab, requests } = await scene.visit(bare, { open: false });
    await tab.goto(scene.service.url);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.text).toMatch(/keeps no keys for pages/);
    expect(requests.filter((request) => request.includes('/v1/'))).toEqual([]);
    await bare.close();
  });

  it('without SIMD says so before anything is asked', async () => {
    const old = await scene.person();
    await old.addInitScript(() => {
      WebAssembly.validate = () => false;
    });
    const { page: tab, requests } = await scene.visit(old, { open: false });
    await tab.goto(scene.service.url);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.text).toMatch(/no SIMD/);
    expect(requests.filter((request) => request.includes('/v1/'))).toEqual([]);
    await old.close();
  });

  it('at a page that came by plain http from another machine says what helps', async () => {
    const server = await serveFiles({ '': join(scene.folder, 'page') });
    const args = ['--no-sandbox', '--host-resolver-rules=MAP machine.lan 127.0.0.1'];
    const other = await chromium.launch({ executablePath: await chromiumPath(), args });
    const tab = await other.newPage();
    await tab.goto(`http://machine.lan:${server.port}/`);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.text).toMatch(/plain http.*https:\/\//s);
    await other.close();
    await server.close();
  });
});
