// The page in Firefox: a first visit, an upload that a reload cuts short, an answer, a second visit, a private window.
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchFirefox } from './firefox.ts';
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

const patience = { timeout: 120_000 };

async function visit(tab: Page): Promise<void> {
  await tab.goto(scene.service.url);
  await tab.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'), patience);
}

/** Draws by the page's own samples, which the keyboard reaches too. */
async function askDigit(tab: Page, digit: number): Promise<void> {
  await tab.waitForSelector(`button[aria-label="Draw a ${digit}"]:not(:disabled)`, patience);
  await tab.click(`button[aria-label="Draw a ${digit}"]`);
  await tab.waitForSelector('#ask:not(:disabled)', patience);
  await tab.click('#ask');
}

/** Waits for an answer or a problem, and for the model in clear. */
async function read(tab: Page): Promise<{ label: string; clear: string | null; problem: string | null }> {
  await tab.waitForFunction(() => ['answer', 'problem'].some((id) => document.getElementById(id)?.hidden === false), patience);
  await tab.waitForFunction(() => document.getElementById('problem')?.hidden === false || document.getElementById('clear-label') !== null, patience);
  return tab.evaluate(() => {
    const text = (id: string) => document.getElementById(id)?.textContent ?? null;
    return { label: text('label')!, clear: text('clear-label'), problem: document.getElementById('problem')!.hidden ? null : text('problem-text') };
  });
} // biome-ignore format: one line each

const parts = async () => ((await scene.api('/v1/keysets')) as { keysets: { state: string }[] }).keysets;

it('a first visit that is loaded again while keys are sent goes on, and answers as the model does in clear', async () => {
  await visit(page);
  await askDigit(page, 3);
  // Some of it is there, not all.
  await page.waitForSelector('#steps li[data-step=keys] progress', patience);
  await page.reload();
  await visit(page);
  await askDigit(page, 3);
  const { label, clear, problem } = await read(page);
  expect(problem).toBeNull();
  expect(label).toBe(clear);
  expect(await parts()).toHaveLength(1);
});

it('a second visit asks at once, and a headline too', async () => {
  await visit(page);
  expect(await page.$eval('#key-state', ({ textContent }) => textContent)).toMatch(
    /evaluation keys are at the service/,
  );
  await askDigit(page, 7);
  const second = await read(page);
  expect(second.label).toBe(second.clear);
  expect(await parts()).toHaveLength(1);
  await page.click('.programs li:nth-child(2) button');
  await page.waitForSelector('#text', patience);
  await page.waitForSelector('.examples li:nth-child(2) button:not(:disabled)', patience);
  await page.click('.examples li:nth-child(2) button');
  await page.waitForSelector('#ask:not(:disabled)', patience);
  await page.click('#ask');
  const headline = await read(page);
  expect(headline.problem).toBeNull();
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
