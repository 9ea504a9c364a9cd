// The page in a real browser: nothing is fetched, nothing sticks out sideways, on a desk, on a phone, in the dark.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../../ckks/test/browser/chromium.ts';
import { writeConversionReport } from '../../src/report/conversion.ts';
import { syntheticRecord } from './record.ts';

const folder = mkdtempSync(join(tmpdir(), 'report-page-'));
const requests: string[] = [];
const messages: string[] = [];
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const file = join(folder, 'report.html');
  await writeConversionReport({ record: syntheticRecord() }, file);
  browser = await launchChromium();
  page = await browser.newPage();
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(error.message));
  await page.goto(pathToFileURL(file).href);
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

describe('the report page in Chromium', () => {
  it('loads itself only, without a message', () => {
    expect(requests).toHaveLength(1);
    expect(messages).toEqual([]);
  });

  it.each([1280, 768, 390, 320])('fits a window of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    const heights = await page.evaluate(() =>
      [...document.querySelectorAll('.plot svg')].map((svg) => svg.getBoundingClientRect().height),
    );
    expect(Math.min(...heights)).toBeGreaterThan(80);
  });

  it('turns figures light in the dark', async () => {
    const ink = () => page.evaluate(() => getComputedStyle(document.querySelector('svg text[fill="#222222"]')!).fill);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await ink()).toBe('rgb(34, 34, 34)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ink()).toBe('rgb(230, 233, 237)');
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    expect(await ink()).toBe('rgb(34, 34, 34)');
  });
});
