// Reports in a real browser: a conversion's, a plan's, the demo's. Nothing is fetched, nothing sticks out sideways, on a desk, on a
// phone, in the dark; no rule of accessibility is broken (axe-core). `npm run screenshots` keeps a picture of each.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import type { Plan } from '@cipherformer/compiler';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../../../apps/web/test/browser.ts';
import { demoPage } from '../../src/demo/page.ts';
import type { DemoResult } from '../../src/demo/result.ts';
import { planPage } from '../../src/program/plan-page.ts';
import { writeConversionReport } from '../../src/report/conversion.ts';
import { syntheticRecord } from './record.ts';

const pictures = process.env.CIPHERFORMER_SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'report-page-'));
let browser: Browser;

/** A program whose level falls and is lifted again, part by part. */
const plan: Plan = {
  machine: 'default costs, N = 2^16',
  rows: Array.from({ length: 36 }, (_, i) => {
    const lifts = i % 6 === 5;
    return {
      source: lifts
        ? `layers.${Math.floor(i / 6)} (bootstrap)`
        : `layers.${Math.floor(i / 6)}.attention.product ${i % 6}`,
      ...{ levelIn: lifts ? 1 : 13 - 2 * (i % 6), levelOut: lifts ? 13 : 11 - 2 * (i % 6), ciphertexts: 3 },
      ...{
        rotations: 7 * (i % 4),
        products: 12,
        plaintexts: 64,
        bootstraps: lifts ? 3 : 0,
        seconds: lifts ? 1.4 : 0.2 + (i % 3) / 10,
      },
    };
  }),
  total: { ciphertexts: 0, rotations: 300, products: 400, plaintexts: 2000, bootstraps: 18, seconds: 17.2 },
} as unknown as Plan;
const manifest = {
  model: { name: 'MNIST ViT in polynomial form' },
  keys: { keyBytes: 6.9e9 },
  predicted: { bootstraps: 18, peakBytes: 9.4e9 },
  digest: 'ab'.repeat(32),
} as ProgramManifest;
const logits = Array.from({ length: 10 }, (_, k) => (k === 2 ? 8.25 : -k / 3));
const demo: DemoResult = {
  images: [0, 1].map((index) => ({
    ...{ index, label: 2, original: logits, polynomial: logits, difference: 3.1e-4, agrees: true },
    encrypted: { logits, trusted: true, coldSeconds: 31, warmSeconds: 16.2, cpuSeconds: 27.4, peakRssBytes: 8.7e9 },
  })),
  ...{
    polynomial: { accuracy: 0.988, images: 500 },
    evaluationBytes: 2.4e9,
    keygenSeconds: 26,
    seconds: 120,
    machine: 'AMD EPYC, 2 cores',
  },
  program: { logN: 16, logQP: 1700, bootstraps: 18, predictedCpuSeconds: 30, predictedPeakBytes: 9e9 },
} as unknown as DemoResult;

beforeAll(async () => {
  await writeConversionReport({ record: syntheticRecord() }, join(folder, 'conversion.html'));
  writeFileSync(
    join(folder, 'plan.html'),
    planPage(manifest, Parameters.from(bootstrapLiteral(defaultBootstrapChain)), plan),
  );
  writeFileSync(join(folder, 'demo.html'), demoPage(demo));
  if (pictures) mkdirSync(pictures, { recursive: true });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

describe.each(['conversion', 'plan', 'demo'])('the page of a %s in Chromium', (name) => {
  const requests: string[] = [];
  const messages: string[] = [];
  let page: Page;
  beforeAll(async () => {
    page = await browser.newPage();
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
  });
  afterAll(() => page?.close());

  it('loads itself only, without a message', () => {
    expect(requests).toHaveLength(1);
    expect(messages).toEqual([]);
  });

  it.each([1280, 768, 390, 320])('fits a window of %i pixels, and its charts use what there is', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    const charts = await page.evaluate(() =>
      [...document.querySelectorAll('.plot')].map((plot) => {
        const { width: drawn, height } = plot.querySelector('svg')!.getBoundingClientRect();
        return { height, share: drawn / plot.clientWidth };
      }),
    );
    for (const { height, share } of charts) {
      expect(height).toBeGreaterThan(80);
      expect(share).toBeGreaterThan(0.7);
    }
  });

  it.each([
    ['desk-light', 1280, 'light'],
    ['phone-dark', 390, 'dark'],
  ] as const)('breaks no rule of accessibility: %s', async (look, width, colorScheme) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    if (pictures) await page.screenshot({ path: join(pictures, `report-${name}-${look}.png`), fullPage: true });
    const { violations } = (await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`)) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 300)}: ${failureSummary}`)])).toEqual([]);
  });
}); // biome-ignore format: chains

it('figures turn light in the dark, and are ink on paper', async () => {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(join(folder, 'conversion.html')).href);
  const ink = () => page.evaluate(() => getComputedStyle(document.querySelector('svg text[fill="#222222"]')!).fill);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await ink()).toBe('rgb(34, 34, 34)');
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await ink()).toBe('rgb(232, 238, 235)');
  await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
  expect(await ink()).toBe('rgb(34, 34, 34)');
});
