// The page in Chromium on a small insecure ring: from a drawing to an answer, and everything in between that can happen.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, expectWords, outcome, preparedPixels, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene?.close());

const partOf = (request: string) => /^PUT .*\/parts\/([0-9a-f]{64})$/.exec(request)?.[1];

describe('a question', () => {
  it('is drawn, asked, computed on ciphertexts and answered as the polynomial model does in clear', async () => {
    const person = await scene.person();
    const { page, requests, messages } = await scene.visit(person);
    expect(await page.textContent('#key-state')).toMatch(/none yet/);
    for (const digit of ['3', '7', '0']) {
      await ask(page, digit);
      const found = await outcome(page);
      const expected = await scene.expected(page);
      expect(found.label).toBe(expected.label);
      expect(found.verdict).toMatch(/in the model’s range/);
      await page.click('#reveal');
      await page.waitForSelector('#bars li:nth-child(10)');
      const shares = (await page.locator('#bars li > span:last-child').allTextContents()).map(Number.parseFloat);
      for (const [k, score] of expected.scores.entries()) expect(Math.abs(shares[k]! / 100 - score)).toBeLessThan(2e-3);
    }
    expect(await page.textContent('#key-state')).toMatch(/evaluation keys are at the service/);
    // Parts once, then questions alone; nothing from anywhere else; nothing for the console, no rule of the CSP broken.
    const parts = requests.map(partOf).filter((digest) => digest !== undefined);
    expect(parts.length).toBeGreaterThan(40);
    expect(new Set(parts).size).toBe(parts.length);
    expect(requests.filter((request) => request.startsWith('POST') && request.includes('/jobs?'))).toHaveLength(3);
    expect(requests.filter((request) => !request.split(' ')[1]!.startsWith(`${scene.service.url}/`))).toEqual([]);
    expect(messages).toEqual([]);
    // The answers are gone from the service.
    expect((await scene.api('/v1/jobs')).jobs).toEqual([]);
    await person.close();
  });

  it('is prepared as it is shown, and not before something was drawn', async () => {
    const person = await scene.person();
    const { page } = await scene.visit(person);
    expect(await page.isDisabled('#ask')).toBe(true);
    expect(Math.max(...(await preparedPixels(page)))).toBe(0);
    const { x, y, width, height } = (await page.locator('#pad').boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 4);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + (3 * height) / 4, { steps: 8 });
    await page.mouse.up();
    await expect.poll(() => page.isEnabled('#ask')).toBe(true);
    const rows = (await preparedPixels(page)).flatMap((value, i) => (value > 0 ? [Math.floor(i / 28)] : []));
    expect(Math.max(...rows) - Math.min(...rows) + 1).toBeGreaterThanOrEqual(20);
    await page.focus('#pad');
    await page.keyboard.press('Delete');
    await expect.poll(() => page.isDisabled('#ask')).toBe(true);
    expect(Math.max(...(await preparedPixels(page)))).toBe(0);
    await person.close();
  });

  it('can be drawn with a finger', async () => {
    const person = await scene.browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true });
    const { page } = await scene.visit(person);
    const { x, y } = (await page.locator('#pad').boundingBox())!;
    await page.touchscreen.tap(x + 100, y + 100);
    await expect.poll(() => page.isEnabled('#ask')).toBe(true);
    await person.close();
  });
});

describe('keys', () => {
  it('that were being sent when the page was loaded again are resumed, none made or sent twice', async () => {
    const person = await scene.person();
    const { page, requests } = await scene.visit(person);
    const there = new Set<string>();
    page.on('response', (response) => {
      const digest = partOf(`PUT ${response.url()}`);
      if (response.request().method() === 'PUT' && response.ok() && digest) there.add(digest);
    });
    // What comes after the twentieth part does not arrive until the page is gone: two are sent at a time.
    let held = 0;
    await person.route('**/parts/*', async (route) => {
      if (there.size < 20) await route.continue();
      else held++;
    });
    await ask(page);
    await expect.poll(() => held, { timeout: 60_000 }).toBe(2);
    await page.reload();
    await person.unroute('**/parts/*');
    const before = new Set(there);
    requests.length = 0;
    await page.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'));
    expect(await page.textContent('#key-state')).toMatch(/not all at the service yet/);
    await ask(page);
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    const again = requests.map(partOf).filter((digest) => digest !== undefined);
    expect(again.filter((digest) => before.has(digest))).toEqual([]);
    expect(new Set(again).size).toBe(again.length);
    const { keysets } = (await scene.api('/v1/keysets')) as { keysets: { key: string; parts?: number }[] };
    const mine = keysets.at(-1)!;
    expect(new Set([...before, ...again]).size).toBe(mine.parts);
    await person.close();
  });

  it('are made once for two tabs that ask at the same time', async () => {
    const before = (await scene.api('/v1/keysets')).keysets!.length;
    const person = await scene.person();
    const tabs = [await scene.visit(person), await scene.visit(person)];
    for (const [i, { page }] of tabs.entries()) {
      await page.bringToFront();
      await ask(page, ['3', '7'][i]!);
    }
    for (const { page } of tabs) {
      await page.bringToFront();
      expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    }
    expect((await scene.api('/v1/keysets')).keysets).toHaveLength(before + 1);
    const parts = tabs.flatMap(({ requests }) => requests.map(partOf).filter((digest) => digest !== undefined));
    expect(new Set(parts).size).toBe(parts.length);
    await person.close();
  });

  it('are deleted here, in other tabs and at the service, and made anew by the next question', async () => {
    const person = await scene.person();
    const { page } = await scene.visit(person);
    const other = await scene.visit(person);
    await page.bringToFront();
    await ask(page);
    await outcome(page);
    const ids = async () =>
      ((await scene.api('/v1/keysets')) as { keysets: { id: string }[] }).keysets.map(({ id }) => id);
    const before = await ids();
    await page.click('#forget');
    expect(await page.innerText('#forget-dialog')).toMatch(/Nothing encrypted with it can ever be opened again/);
    await page.click('#forget-dialog button[value=no]');
    expect(await ids()).toEqual(before);
    await page.click('#forget');
    await page.click('#forget-dialog button[value=yes]');
    for (const tab of [page, other.page])
      await tab.waitForFunction(() => document.getElementById('key-state')!.textContent!.includes('none yet'));
    await expect.poll(async () => (await ids()).length).toBe(before.length - 1);
    expect(await page.isVisible('#problem')).toBe(false);
    const stored = await page.evaluate(async () => {
      const request = indexedDB.open('cipherformer');
      await new Promise((resolve) => {
        request.onsuccess = resolve;
      });
      const count = (store: string) =>
        new Promise<number>((resolve) => {
          const counting = request.result.transaction(store).objectStore(store).count();
          counting.onsuccess = () => resolve(counting.result);
        });
      return Promise.all(Array.from(request.result.objectStoreNames, count));
    });
    expect(stored).toEqual([0, 0, 0, 0, 0, 0]);
    await page.bringToFront();
    await ask(page, '7');
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    expect((await ids()).length).toBe(before.length);
    await person.close();
  });
});

describe('stopping', () => {
  it('ends a question at once, cancels its job, and leaves everything for the next one', async () => {
    const person = await scene.person();
    const { page } = await scene.visit(person);
    await person.route('**/events', () => {});
    await ask(page);
    await expect.poll(async () => (await scene.api('/v1/jobs')).jobs!.length, { timeout: 60_000 }).toBe(1);
    await page.click('#stop');
    await page.waitForSelector('#stop', { state: 'hidden' });
    await expect.poll(async () => (await scene.api('/v1/jobs')).jobs!.filter((job) => ['queued', 'loading', 'running'].includes((job as { state: string }).state)).length).toBe(0); // biome-ignore format: short
    expect(await page.isVisible('#problem')).toBe(false);
    await person.unroute('**/events');
    await ask(page, '7');
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    await person.close();
  });
});

describe('a service that is gone', () => {
  it('and comes back in time is not noticed by who asks', async () => {
    const person = await scene.person();
    const { page } = await scene.visit(person);
    await ask(page);
    await outcome(page);
    await ask(page, '7');
    await page.waitForFunction(() => [...document.querySelectorAll('#steps li')].slice(3, 5).some((step) => (step as HTMLElement).dataset.state === 'now')); // biome-ignore format: short
    await scene.service.kill();
    await scene.restart();
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    await person.close();
  });

  it('and stays away is said in words, and asking again goes on', async () => {
    const person = await scene.person();
    const { page } = await scene.visit(person);
    await scene.service.kill();
    await ask(page);
    const found = await outcome(page);
    expectWords(found);
    expect(found.problem).toBe('The service cannot be reached');
    await scene.restart();
    await page.click('#again');
    expect((await outcome(page)).label).toBe((await scene.expected(page)).label);
    await person.close();
  });
});

describe('the shipped page', () => {
  it('is bundled without Node’s modules', () => {
    expect(scene.warnings).toEqual([]);
    const scripts = readdirSync(join(scene.folder, 'page/assets')).filter((name) => name.endsWith('.js'));
    const reaching = (pattern: RegExp) =>
      scripts.filter((name) => pattern.test(readFileSync(join(scene.folder, 'page/assets', name), 'utf8')));
    expect(reaching(/from\s*["']node:/)).toEqual([]);
    expect(reaching(/\bBuffer\./)).toEqual([]);
  });

  it('fits a window of any width, light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const person = await scene.browser.newContext({ colorScheme });
      const { page } = await scene.visit(person);
      for (const width of [1200, 768, 390, 320]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      }
      await person.close();
    }
  });
});
