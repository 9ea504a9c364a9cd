// Where Firefox may find itself: in a private window, without storage or with one that is full, by plain http from another machine,
// without SIMD. It works, or says in words why not, before anything is sent.
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serveFiles } from './file-server.ts';
import { askDigit, launchFirefox, shownIn, visitInFirefox } from './firefox.ts';
import { expectWords, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene?.close());

type Preferences = Readonly<Record<string, unknown>>;

/** A page of a Firefox that is closed afterwards. @param requests what it sends */
async function inFirefox(preferences: Preferences, act: (page: Page, requests: string[]) => Promise<void>): Promise<void> {
  const firefox: Browser = await launchFirefox(preferences);
  try {
    const page = await firefox.newPage();
    const requests: string[] = [];
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
    await act(page, requests);
  } finally {
    await firefox.close();
  }
} // biome-ignore format: one line each

const uploads = (requests: readonly string[]) => requests.filter((request) => /^(PUT|POST)/.test(request));

it('a private window asks, and its key lies sealed until it is closed', async () => {
  await inFirefox({ 'browser.privatebrowsing.autostart': true }, async (page) => {
    await visitInFirefox(page, scene.service.url);
    await askDigit(page, 3);
    const { label, clear, problem } = await shownIn(page);
    expect(problem).toBeUndefined();
    expect(label).toBe(clear);
    // Over a reload as well.
    await visitInFirefox(page, scene.service.url);
    expect(await page.$eval('#key-state', ({ textContent }) => textContent)).toMatch(/evaluation keys are at the service/);
  });
}); // biome-ignore format: one line each

it('that lets no page keep anything says so', async () => {
  await inFirefox({ 'network.cookie.cookieBehavior': 2 }, async (page, requests) => {
    await page.goto(scene.service.url);
    const found = await shownIn(page);
    expectWords(found);
    expect(found.problem).toMatch(/does not keep your key/);
    expect(found.text).toMatch(/keeps nothing for this page.*allow this site to store data/);
    expect(uploads(requests)).toEqual([]);
  });
});

it('whose storage is full says so', async () => {
  await inFirefox({ 'dom.quotaManager.temporaryStorage.fixedLimit': 1 }, async (page, requests) => {
    await page.goto(scene.service.url);
    const found = await shownIn(page);
    expectWords(found);
    expect(found.problem).toMatch(/does not keep your key/);
    expect(found.text).toMatch(/is full/);
    expect(uploads(requests)).toEqual([]);
  });
});

it('at a page that came by plain http from another machine says what helps', async () => {
  const server = await serveFiles({ '': join(scene.folder, 'page') });
  try {
    await inFirefox({ 'network.dns.localDomains': 'machine.lan' }, async (page) => {
      await page.goto(`http://machine.lan:${server.port}/`);
      const found = await shownIn(page);
      expectWords(found);
      expect(found.text).toMatch(/plain http.*https:\/\//s);
    });
  } finally {
    await server.close();
  }
});

it('without SIMD says so before anything is asked', async () => {
  await inFirefox({}, async (page, requests) => {
    await page.evaluateOnNewDocument(() => {
      WebAssembly.validate = () => false;
    });
    await page.goto(scene.service.url);
    const found = await shownIn(page);
    expectWords(found);
    expect(found.text).toMatch(/no SIMD/);
    expect(requests.filter((request) => request.includes('/v1/'))).toEqual([]);
  });
});
