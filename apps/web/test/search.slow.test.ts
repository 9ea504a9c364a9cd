// A search on the page: a question is encrypted, all documents are scored on ciphertexts, the first ten are shown with their texts,
// and beside them where the model in clear puts them.
import { PolynomialEvaluator, prepareInput } from '@cipherformer/model';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askText, expectWords, outcome, Scene } from './scene.ts';
import { documents, smallSearch } from './small.ts';

const question = 'Where is water vapour found';
const model = smallSearch();
const logits = [...new PolynomialEvaluator(model.graph).run(prepareInput(model, { text: question }))];
const ranking = documents.map((_, k) => k).sort((a, b) => logits[b]! - logits[a]!);

let scene: Scene;
let person: BrowserContext;
let page: Page;
let requests: string[];

beforeAll(async () => {
  scene = await Scene.open({ search: true });
  person = await scene.person();
  ({ page, requests } = await scene.visit(person));
  await page.click('.programs button:text-is("Search")');
  await page.waitForSelector('#text');
});
afterAll(() => scene?.close());

/** Documents as the page lists them, their space made one. */
const listed = async () =>
  (await page.locator('#found .document').allTextContents()).map((text) =>
    text.replace(/ …(\n|\s)*/, ' ').replace(/\s+/g, ' '),
  );

it('lists the ten documents with the highest scores, with their texts, in the order of the model in clear', async () => {
  expect(await page.innerText('.ask')).toMatch(/compared with 25 public documents/);
  await askText(page, question);
  const { label, verdict } = await outcome(page);
  expect(label).toBe('10 of 25');
  expect(verdict).toMatch(/in the model’s range/);
  await page.waitForSelector('#agreement.good');
  expect(await listed()).toEqual(ranking.slice(0, 10).map((k) => documents[k]!.replace(/\s+/g, ' ')));
  const figures = await page.locator('#found li > p.quiet').allTextContents();
  for (const [i, text] of figures.entries()) {
    const [, encrypted, clear, place] = /^Encrypted (\S+); in clear (\S+), place (\d+)$/.exec(text)!;
    expect(Number(place)).toBe(i + 1);
    expect(Math.abs(Number(encrypted) - logits[ranking[i]!]!)).toBeLessThan(5e-3);
    expect(Math.abs(Number(clear) - logits[ranking[i]!]!)).toBeLessThan(1e-3);
  }
  expect(await page.textContent('#spoken')).toContain(documents[ranking[0]!]!);
});

it('asks the service nothing that tells what was found', async () => {
  const all = requests.map((request) => request.replace(scene.service.url, '').replace(/[0-9a-f]{32,}/g, '*'));
  // The documents came whole, with the program, before the question.
  const [fetched, asked] = [all.indexOf('GET /v1/programs/*/client/documents.json'), all.findIndex((request) => request.startsWith('POST /v1/jobs'))];
  expect(fetched).toBeGreaterThan(-1);
  expect(fetched).toBeLessThan(asked);
  const after = all.slice(asked + 1).filter((request) => !/\/model\//.test(request));
  expect(after).toEqual(['GET /v1/jobs/*/events', 'GET /v1/jobs/*/result', 'DELETE /v1/jobs/*']);
}); // biome-ignore format: one line

it('offers words of the documents as questions', async () => {
  const examples = page.locator('.examples button');
  expect(await examples.count()).toBe(3);
  const text = (await examples.nth(0).textContent())!;
  expect(documents.some((document) => document.startsWith(text))).toBe(true);
  await examples.nth(0).click();
  expect(await page.inputValue('#text')).toBe(text);
});

it('is refused where the service gives other texts than the program has', async () => {
  const stranger = await scene.person();
  const { page: tab, requests: sent } = await scene.visit(stranger);
  await stranger.route('**/documents.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace('Geneva', 'Genoa') });
  });
  await tab.click('.programs button:text-is("Search")');
  const found = await outcome(tab);
  expectWords(found);
  expect(found.problem).toMatch(/not safe to use|not a service/);
  expect(sent.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
  await stranger.close();
});
