// A key that a passphrase seals in the browser: set on the page, asked for when it is opened again, changed, taken away, forgotten.
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, expectWords, outcome, Scene } from './scene.ts';

const [first, second] = ['correct horse battery', 'another horse battery'];

let scene: Scene;
let person: BrowserContext;
let page: Page;
let requests: string[];

beforeAll(async () => {
  scene = await Scene.open();
  person = await scene.person();
  ({ page, requests } = await scene.visit(person));
});
afterAll(() => scene?.close());

const keyState = (text: RegExp, on = page) =>
  expect.poll(() => on.textContent('#key-state'), { timeout: 20_000 }).toMatch(text);

async function seal(passphrase: string): Promise<void> {
  await page.click('#seal');
  await page.fill('#seal-dialog-passphrase', passphrase);
  await page.click('#seal-dialog button[type=submit]');
}

/** Gives what the problem's card asks for. */
async function give(passphrase: string): Promise<void> {
  await page.waitForSelector('#given', { timeout: 20_000 });
  await page.fill('#given', passphrase);
  await page.click('#problem button[type=submit]');
}

/** How the key lies in the browser's storage. */
const stored = () =>
  page.evaluate(async () => {
    const request = indexedDB.open('cipherformer');
    await new Promise((resolve) => {
      request.onsuccess = resolve;
    });
    const getting = request.result.transaction('owners').objectStore('owners').getAll();
    await new Promise((resolve) => {
      getting.onsuccess = resolve;
    });
    return (getting.result as { sealed: { bytes: Uint8Array; passphrase?: { iterations: number } } }[]).map(
      ({ sealed }) => ({ bytes: sealed.bytes.length, iterations: sealed.passphrase?.iterations }),
    );
  });

it('is set before the first question, which makes the key, and is not taken when it is short', async () => {
  await keyState(/none yet/);
  await seal('short');
  expect(await page.isVisible('#seal-dialog')).toBe(true);
  await page.keyboard.press('Escape');
  await seal(first);
  await keyState(/It is in this browser.*A passphrase seals it/);
  // A tag of each of the two seals beside the 32 bytes.
  expect(await stored()).toEqual([{ bytes: 64, iterations: 600_000 }]);
  await ask(page);
  expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
});

it('is asked for when the page is loaded again; another one opens nothing', async () => {
  await page.reload();
  const found = await outcome(page);
  expectWords(found);
  expect(found.problem).toBe('Your key is sealed');
  expect(found.text).toMatch(/Nobody can recover it/);
  // What is asked for is shown all the same.
  expect(await page.isVisible('#pad')).toBe(true);
  await give('wrong horse battery');
  await expect.poll(() => page.textContent('#problem-text'), { timeout: 20_000 }).toMatch(/another passphrase/);
  requests.length = 0;
  await ask(page, '7');
  expect((await outcome(page)).problem).toBe('Your key is sealed');
  expect(requests.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
  await give(first);
  await keyState(/evaluation keys are at the service.*A passphrase seals it/);
  expect(await page.isVisible('#problem')).toBe(false);
  await ask(page, '7');
  expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
  expect(requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
});

it('is needed in another tab, too', async () => {
  const { page: tab } = await scene.visit(person, { open: false });
  await tab.goto(scene.service.url);
  expect((await outcome(tab)).problem).toBe('Your key is sealed');
  await tab.close();
  await page.bringToFront();
});

it('is changed, and then the first one opens nothing', async () => {
  await seal(second);
  await expect.poll(() => page.textContent('.card [role=status]:not(:empty)')).toMatch(/seals your key from now on/);
  await page.reload();
  await give(first);
  await expect.poll(() => page.textContent('#problem-text'), { timeout: 20_000 }).toMatch(/another passphrase/);
  await give(second);
  await keyState(/evaluation keys are at the service/);
});

it('is taken away', async () => {
  await page.click('#seal');
  await page.click('#seal-dialog button.danger');
  await keyState(/at the service\.$/);
  expect(await stored()).toEqual([{ bytes: 48, iterations: undefined }]);
  await page.reload();
  await keyState(/at the service\.$/);
  expect(await page.isVisible('#problem')).toBe(false);
});

it('that nobody knows any more: the key is deleted without it, and a new one is made', async () => {
  await seal(first);
  await keyState(/A passphrase seals it/);
  await page.reload();
  expect((await outcome(page)).problem).toBe('Your key is sealed');
  await page.click('#forget');
  await page.click('#forget-dialog button[value=yes]');
  await keyState(/none yet/);
  // Nobody could tell the service whose evaluation keys to delete.
  expect((await outcome(page)).problem).toMatch(/evaluation keys may still be at the service/);
  await page.click('#again');
  expect(await page.isVisible('#problem')).toBe(false);
  await ask(page);
  expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
  expect(await stored()).toEqual([{ bytes: 48, iterations: undefined }]);
});
