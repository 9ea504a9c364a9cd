// A drawing out of the model's range, and the counts that go with it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, outcome, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  // A model whose range no digit is in.
  scene = await Scene.open({ margin: 0.1 });
});
afterAll(() => scene?.close());

it('a drawing out of range has no label and no scores, and is counted', async () => {
  const person = await scene.person();
  const { page } = await scene.visit(person);
  for (const count of [1, 2]) {
    await ask(page);
    const found = await outcome(page);
    expect(found.label).toBe('No answer');
    expect(found.verdict).toMatch(/unlike what the model was made for/);
    expect(await page.isVisible('#reveal')).toBe(false);
    expect(await page.isVisible('#scores')).toBe(false);
    const counted = await page.evaluate(async () => {
      const request = indexedDB.open('cipherformer');
      await new Promise((resolve) => {
        request.onsuccess = resolve;
      });
      const all = request.result.transaction('verdicts').objectStore('verdicts').getAll();
      return new Promise((resolve) => {
        all.onsuccess = () => resolve(all.result);
      });
    });
    expect(counted).toEqual([{ dishonest: 0, outOfRange: count, allowed: 256 }]);
  }
  await person.close();
});

it('when so many were counted that the owner has to agree, the owner is asked before anything is shown', async () => {
  const person = await scene.person();
  const { page } = await scene.visit(person);
  await ask(page);
  await outcome(page);
  await page.evaluate(async () => {
    const request = indexedDB.open('cipherformer');
    await new Promise((resolve) => {
      request.onsuccess = resolve;
    });
    const store = request.result.transaction('verdicts', 'readwrite').objectStore('verdicts');
    const keys = store.getAllKeys();
    await new Promise((resolve) => {
      keys.onsuccess = () => {
        store.put({ dishonest: 0, outOfRange: 256, allowed: 256 }, keys.result[0]).onsuccess = resolve;
      };
    });
  });
  await ask(page);
  await page.waitForSelector('#allow-dialog[open]', { timeout: 60_000 });
  expect(await page.isVisible('#answer')).toBe(false);
  await page.click('#allow-dialog button[value=no]');
  expect((await outcome(page)).problem).toBe('No more inputs out of range');
  await ask(page);
  await page.waitForSelector('#allow-dialog[open]', { timeout: 60_000 });
  await page.click('#allow-dialog button[value=yes]');
  expect((await outcome(page)).label).toBe('No answer');
  await person.close();
});
