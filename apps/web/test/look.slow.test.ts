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

interface TabStop {
  readonly what: string;
  /** From the top of the page, in pixels. */
  readonly top: number;
  /** Whether the focus is to be seen. */
  readonly outlined: boolean;
}

/** What Tab reaches from the top of the page to its end. */
async function tabStops(page: Page): Promise<TabStop[]> {
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
  });
  const stops: TabStop[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const { activeElement: at } = document;
      if (at === null || at === document.body || at.hasAttribute('data-reached')) return undefined;
      at.setAttribute('data-reached', '');
      // A file's input is not seen itself, but its label is.
      const seen = at.closest('label.button') ?? at;
      const { top } = seen.getBoundingClientRect();
      return { what: `${at.tagName} ${at.id || at.textContent}`.slice(0, 60), top: top + scrollY, outlined: getComputedStyle(seen).outlineStyle !== 'none' };
    });
    if (stop === undefined) break;
    stops.push(stop);
  }
  await page.evaluate(() => {
    for (const one of document.querySelectorAll('[data-reached]')) one.removeAttribute('data-reached');
  });
  return stops;
} // biome-ignore format: one line each

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
    await page.waitForSelector('label:text-is("What you look for")');
    await look(page, `${name}-4-search`);
    await askText(page, 'Where is water vapour found');
    expect((await outcome(page)).label).toBe('10 of 25');
    await page.waitForSelector('#agreement');
    await look(page, `${name}-4-found`);
  });

  it('the keyboard, which reaches everything in the order in which it is read, and is seen where it is', async () => {
    const stops = await tabStops(page);
    const all = await page.evaluate(
      (selector) => Array.from(document.querySelectorAll<HTMLElement>(selector)).filter((one) => one.checkVisibility() && !one.closest('dialog')).length,
      'button:enabled, textarea:enabled, input:enabled, summary, [tabindex="0"]',
    );
    expect(stops.length).toBe(all);
    expect(stops.filter(({ outlined }) => !outlined)).toEqual([]);
    // On one column from top to bottom: the key comes after the answer.
    const column = name.startsWith('phone') ? stops : [];
    for (const [i, { top, what }] of column.entries())
      expect(top, `${column[i - 1]?.what} before ${what}`).toBeGreaterThanOrEqual((column[i - 1]?.top ?? 0) - 60);
    const tops = await page.evaluate(() => ['ask-title', 'answer-title', 'progress-title', 'key-title'].map((id) => document.getElementById(id)!.getBoundingClientRect().top));
    if (name.startsWith('phone')) expect(tops).toEqual([...tops].sort((a, b) => a - b));
    await page.click('.programs li:nth-child(2) button');
    await page.waitForSelector('label:text-is("A headline")');
  }); // biome-ignore format: chains

  it('a dialog', async () => {
    await page.click('#forget');
    await page.waitForSelector('#forget-dialog[open]');
    await look(page, `${name}-5-dialog`);
    await page.click('#forget-dialog button[value=no]');
    for (const [button, dialog] of [
      ['#seal', '#seal-dialog'],
      ['#take-along', '#export-dialog'],
      ['#take-in', '#import-dialog'],
    ] as const) {
      await page.click(button);
      await page.waitForSelector(`${dialog}[open]`);
      await look(page, `${name}-5${dialog.replace('#', '-')}`);
      await page.keyboard.press('Escape');
      await page.waitForSelector(dialog, { state: 'hidden' });
    }
  });

  it('a dialog stays open where the window becomes another', async () => {
    const size = page.viewportSize()!;
    await page.click('#seal');
    for (const width of [400, 1200, size.width]) {
      await page.setViewportSize({ ...size, width });
      await page.waitForFunction((wanted) => innerWidth === wanted, width);
      expect(await page.isVisible('#seal-dialog')).toBe(true);
    }
    await page.keyboard.press('Escape');
    await page.waitForSelector('#seal-dialog', { state: 'hidden' });
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
