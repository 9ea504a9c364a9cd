// A service that has another program than at the last visit: a person is shown that before anything is made or sent.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, outcome, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene?.close());

it('a program that took the place of another is asked about until it is agreed to', async () => {
  const person = await scene.person();
  const first = await scene.visit(person);
  await ask(first.page);
  expect((await outcome(first.page)).label).toMatch(/^\d$/);
  await first.page.close();
  await scene.restartChanged(3);

  const { page, requests } = await scene.visit(person);
  await ask(page);
  await page.waitForSelector('#allow-dialog[open]', { timeout: 60_000 });
  expect(await page.textContent('#allow-title')).toBe('The service changed its program');
  expect(await page.textContent('#allow-text')).toMatch(
    /Under the name small digits \(image-classification\) it has the program [0-9a-f]{12} now, in the place of [0-9a-f]{12}/,
  );
  const sent = () => requests.filter((request) => /^PUT|POST .*\/jobs/.test(request));
  expect(sent()).toEqual([]);
  await page.click('#allow-dialog button[value=no]');
  expect((await outcome(page)).problem).toBe('The service changed its program');
  expect(sent()).toEqual([]);

  await ask(page);
  await page.waitForSelector('#allow-dialog[open]', { timeout: 60_000 });
  await page.click('#allow-dialog button[value=yes]');
  expect((await outcome(page)).label).toMatch(/^\d$/);
  // From then on it is the one that is known.
  await ask(page, '7');
  expect((await outcome(page)).label).toMatch(/^\d$/);
  await person.close();
});
