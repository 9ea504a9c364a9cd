// The main states of the page on a desk and a phone, light and dark: no rule of accessibility is broken (axe-core), nothing is
// wider than the window. `npm run screenshots` keeps a picture of each.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, askText, outcome, Scene } from './scene.ts';

const folder = process.env.CIPHERFORMER_SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const looks = [
  { name: 'desk-light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open({ headlines: true, search: true });
  if (folder) mkdirSync(folder, { recursive: true });
});
afterAll(() => scene?.close());

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Looks at a state: takes its picture, and holds it against the rules. */
async function look(page: Page, name: string): Promise<void> {
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  // The policy of the page lets no script in; the browser's own end of the line does.
  const found = (await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`)) as { violations: Violation[] };
  expect(found.violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}: ${failureSummary}`)])).toEqual([]);
} // biome-ignore format: chains

describe.each(looks)('$name', ({ name, ...view }) => {
  let person: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    person = await scene.browser.newContext(view);
    ({ page } = await scene.visit(person));
  });
  afterAll(() => person?.close());

  it('a first visit', async () => {
    await look(page, `${name}-1-first`);
  });

  it('a question under way', async () => {
    await person.route('**/events', () => {});
    await ask(page);
    await page.waitForSelector('.noise', { timeout: 60_000 });
    await look(page, `${name}-2-asking`);
    await page.click('#stop');
    await page.waitForSelector('#stop', { state: 'hidden' });
    await person.unrouteAll({ behavior: 'ignoreErrors' });
  });

  it('an answer, with its scores', async () => {
    await ask(page);
    expect((await outcome(page)).label).toBeDefined();
    await page.waitForSelector('#clear-label');
    await page.click('#reveal');
    await page.waitForSelector('#bars li');
    await look(page, `${name}-3-answer`);
  });

  it('a headline', async () => {
    await page.click('.programs li:nth-child(2) button');
    await page.waitForSelector('#text');
    await askText(page, 'Late goal sends the underdogs through to the cup final');
    expect((await outcome(page)).label).toBeDefined();
    await look(page, `${name}-4-headline`);
  });

  it('what a search found', async () => {
    await page.click('.programs li:nth-child(3) button');
    await page.waitForSelector('#text');
    await look(page, `${name}-4-search`);
    await askText(page, 'Where is water vapour found');
    expect((await outcome(page)).label).toBe('10 of 25');
    await page.waitForSelector('#agreement');
    await look(page, `${name}-4-found`);
    await page.click('.programs li:nth-child(2) button');
    await page.waitForSelector('#text');
  });

  it('a dialog', async () => {
    await page.click('#forget');
    await page.waitForSelector('#forget-dialog[open]');
    await look(page, `${name}-5-dialog`);
    await page.click('#forget-dialog button[value=no]');
  });

  it('a problem', async () => {
    await person.route('**/v1/jobs?*', (route) => route.abort());
    await person.route('**/v1/keysets', (route) =>
      route.fulfill({ status: 507, contentType: 'application/problem+json', body: JSON.stringify({ status: 507, code: 'no-room', detail: 'no room', hint: 'wait', needed: 2 ** 31, free: 2 ** 20 }) }),
    ); // biome-ignore format: short
    await askText(page, 'Ministers from nine countries meet in Geneva');
    expect((await outcome(page)).problem).toMatch(/no room/);
    await look(page, `${name}-6-problem`);
  });
});
