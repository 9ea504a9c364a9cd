// The page in Firefox: a first visit, an upload that a reload cuts short, an answer, a second visit, a passphrase.
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askDigit, launchFirefox, patience, shownIn, visitInFirefox } from './firefox.ts';
import { Scene } from './scene.ts';

let scene: Scene;
let firefox: Browser;
let page: Page;

beforeAll(async () => {
  scene = await Scene.open({ headlines: true });
  firefox = await launchFirefox();
  page = await firefox.newPage();
});
afterAll(async () => {
  await firefox?.close();
  await scene?.close();
});

const parts = async () => ((await scene.api('/v1/keysets')) as { keysets: { state: string }[] }).keysets;

it('a first visit that is loaded again while keys are sent goes on, and answers as the model does in clear', async () => {
  await visitInFirefox(page, scene.service.url);
  await askDigit(page, 3);
  // Some of it is there, not all.
  await page.waitForSelector('#steps li[data-step=keys] progress', patience);
  await page.reload();
  await visitInFirefox(page, scene.service.url);
  await askDigit(page, 3);
  const { label, clear, problem } = await shownIn(page);
  expect(problem).toBeUndefined();
  expect(label).toBe(clear);
  expect(await parts()).toHaveLength(1);
});

it('a second visit asks at once, and a headline too', async () => {
  await visitInFirefox(page, scene.service.url);
  expect(await page.$eval('#key-state', ({ textContent }) => textContent)).toMatch(
    /evaluation keys are at the service/,
  );
  await askDigit(page, 7);
  const second = await shownIn(page);
  expect(second.label).toBe(second.clear);
  expect(await parts()).toHaveLength(1);
  await page.click('.programs li:nth-child(2) button');
  await page.waitForSelector('#text', patience);
  await page.waitForSelector('.examples li:nth-child(2) button:not(:disabled)', patience);
  await page.click('.examples li:nth-child(2) button');
  await page.waitForSelector('#ask:not(:disabled)', patience);
  await page.click('#ask');
  const headline = await shownIn(page);
  expect(headline.problem).toBeUndefined();
  expect(headline.label).toBe(headline.clear);
});

it('the key lies sealed in its storage', async () => {
  const taken = await page.evaluate(async () => {
    const request = indexedDB.open('cipherformer');
    await new Promise((resolve) => {
      request.onsuccess = resolve;
    });
    const getting = request.result.transaction('owners').objectStore('owners').getAll();
    await new Promise((resolve) => {
      getting.onsuccess = resolve;
    });
    const [owner] = getting.result as { sealed: { key: CryptoKey } }[];
    return crypto.subtle.exportKey('raw', owner!.sealed.key).then(
      () => 'taken',
      ({ name }: Error) => name,
    );
  });
  expect(taken).toBe('InvalidAccessError');
});

it('a passphrase seals it, and opens it again after a reload', async () => {
  const passphrase = 'correct horse battery';
  await page.click('#seal');
  await page.type('#seal-dialog-passphrase', passphrase);
  await page.click('#seal-dialog button[type=submit]');
  await page.waitForFunction(
    () => /passphrase seals/.test(document.getElementById('key-state')!.textContent!),
    patience,
  );
  await page.reload();
  expect((await shownIn(page)).problem).toBe('Your key is sealed');
  await page.type('#given', passphrase);
  await page.click('#problem button[type=submit]');
  await page.waitForFunction(() => document.getElementById('problem')!.hidden, patience);
  await page.click('.programs li:nth-child(1) button');
  await askDigit(page, 3);
  const { label, clear, problem } = await shownIn(page);
  expect(problem).toBeUndefined();
  expect(label).toBe(clear);
});
