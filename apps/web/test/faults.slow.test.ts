// What a page does with services that damage, refuse and lie: it says so in words, and shows no answer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from './build.ts';
import { ask, expectWords, outcome, Scene } from './scene.ts';

let scene: Scene;
let person: BrowserContext;
let page: Page;

beforeAll(async () => {
  scene = await Scene.open();
  person = await scene.person();
  ({ page } = await scene.visit(person));
  await ask(page);
  expect((await outcome(page)).label).toBeDefined();
});
afterAll(() => scene?.close());

const problem = (status: number, code: string, fields: object = {}) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ status, code, title: 'no', detail: 'it cannot be', hint: 'do something else', ...fields }),
});

/** The answer of the service, changed on the way. */
const changed = (change: (body: Buffer) => Buffer) => async (route: Route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: change(Buffer.from(await response.body())) });
};

const flip = (body: Buffer) => {
  body[Math.floor(body.length / 2)]! ^= 1;
  return body;
};

/** Asks while the service answers so at these addresses. */
async function askWhile(routes: Record<string, (route: Route) => unknown>, on: Page = page) {
  for (const [pattern, answer] of Object.entries(routes)) await on.context().route(pattern, answer);
  try {
    await ask(on);
    return await outcome(on);
  } finally {
    await on.context().unrouteAll({ behavior: 'ignoreErrors' });
  }
}

describe('what the service refuses is said in words', () => {
  it.each([
    ['a full disk', '**/v1/keysets', problem(507, 'no-room', { needed: 2.3 * 2 ** 30, free: 2 ** 20 }), /no room/, /2\.3 GiB.*1\.0 MiB are free/s],
    ['a program that is gone', '**/v1/jobs?*', problem(404, 'unknown-program'), /changed its program/, /Load the page again/],
    ['a fault of its own', '**/v1/jobs?*', problem(500, 'internal'), /fault of its own/, /goes on/],
    ['a code of a later release', '**/v1/jobs?*', problem(418, 'teapot'), /refused/, /It cannot be: do something else/],
    ['a page of a proxy', '**/v1/jobs?*', { status: 200, contentType: 'text/html', body: '<html>' }, /not a service/, /JSON/],
  ] as const)('%s', async (_, pattern, answer, title, text) => {
    const found = await askWhile({ [pattern]: (route) => route.fulfill(answer) });
    expectWords(found);
    expect(found.problem).toMatch(title);
    expect(found.text).toMatch(text);
  }); // biome-ignore format: table

  it('keys that were rejected', async () => {
    const rejected = { state: 'rejected', reason: 'part 3 is damaged' };
    const found = await askWhile({
      '**/v1/keysets': async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), state: 'verifying' } });
      },
      '**/v1/keysets/*': async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), ...rejected } });
      },
    });
    expectWords(found);
    expect(found.problem).toMatch(/refused the evaluation keys/);
    expect(found.text).toMatch(/part 3 is damaged.*Ask again/s);
  });

  it('a question that failed', async () => {
    const events = (state: string) => `id: 1\nevent: job\ndata: ${state}\n\n`;
    const found = await askWhile({
      '**/events': async (route) => {
        const id = /jobs\/(\w+)/.exec(route.request().url())![1]!;
        const job = await (await fetch(`${scene.service.url}/v1/jobs/${id}`)).json();
        const body = events(JSON.stringify({ ...job, state: 'failed', reason: 'not enough memory' }));
        await route.fulfill({ contentType: 'text/event-stream', body });
      },
    });
    expectWords(found);
    expect(found.problem).toBe('The service could not answer');
    expect(found.text).toMatch(/not enough memory/);
  });
});

describe('what comes damaged is never shown', () => {
  it('a result', async () => {
    const found = await askWhile({ '**/result': changed(flip) });
    expectWords(found);
    expect(found.problem).toBe('The answer was not opened');
    expect(await page.isVisible('#answer')).toBe(false);
  });

  it('a result that is cut short, or empty', async () => {
    for (const length of [0, 1000]) {
      const found = await askWhile({ '**/result': changed((body) => body.subarray(0, length)) });
      expectWords(found);
      expect(found.problem).toBe('The answer was not opened');
    }
  });

  it.each([
    ['no JSON', () => Buffer.from('{')],
    ['another program', (body: Buffer) => Buffer.from(body.toString().replace(/"digest":"...../, '"digest":"00000'))],
    ['another key plan', (body: Buffer) => Buffer.from(body.toString().replace(/"plan":"...../, '"plan":"00000'))],
  ])('a manifest: %s', async (_, change) => {
    const fresh = await scene.person();
    const { page: other, requests } = await scene.visit(fresh, { open: false });
    await fresh.route('**/manifest.json', changed(change));
    await other.goto(scene.service.url);
    const found = await outcome(other);
    expectWords(found);
    expect(found.problem).toMatch(/not safe to use|not a service/);
    expect(await other.isDisabled('#ask')).toBe(true);
    expect(requests.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
    await fresh.close();
  });
});

describe('a service that plays with results', () => {
  it('locks the key after three that no honest service makes, in every tab, and over a reload', async () => {
    const victim = await scene.person();
    const { page: tab } = await scene.visit(victim);
    let old: Buffer | undefined;
    const first = await askWhile({ '**/result': changed((body) => (old = body)) }, tab);
    expect(first.label).toBeDefined();
    const { page: second } = await scene.visit(victim);
    // The result of another question: whole, honest once, and not what was asked.
    for (const on of [tab, second, tab]) {
      await on.bringToFront();
      const found = await askWhile({ '**/result': changed(() => old!) }, on);
      expectWords(found);
      expect(found.problem).toBe('The answer was not opened');
    }
    for (const on of [tab, second]) {
      await on.bringToFront();
      await on.reload();
      await on.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'));
      const found = await askWhile({}, on);
      expectWords(found);
      expect(found.problem).toBe('Your key is locked');
      expect(await on.isVisible('#answer')).toBe(false);
    }
    // A new key is the way out.
    await tab.bringToFront();
    await tab.click('#forget');
    await tab.click('#forget-dialog button[value=yes]');
    await tab.waitForFunction(() => document.getElementById('key-state')!.textContent!.includes('none yet'));
    expect((await askWhile({}, tab)).label).toBeDefined();
    await victim.close();
  });
});

describe('row 10: the shipped page', () => {
  it('refuses a program below 128-bit security before anything is made or sent', async () => {
    const shipped = await scene.person();
    const { page: tab, requests } = await scene.visit(shipped, { open: false });
    await buildPage(join(scene.folder, 'shipped'), { insecure: false });
    // The same service with the page that is shipped, under the service's policy, which reports what breaks it.
    const policy = (await fetch(scene.service.url)).headers.get('content-security-policy')!;
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    const headers = { 'content-security-policy': `${policy}; report-uri /broken` };
    await shipped.route(
      (url) => !url.pathname.startsWith('/v1/') && url.pathname !== '/broken',
      async (route) => {
        const name = new URL(route.request().url()).pathname.slice(1) || 'index.html';
        const type = { html: 'text/html', js: 'text/javascript', css: 'text/css', wasm: 'application/wasm', svg: 'image/svg+xml' }[name.split('.').at(-1)!]; // biome-ignore format: short
        const body = readFileSync(join(scene.folder, 'shipped', name));
        await route.fulfill({ body, headers, contentType: type ?? 'application/octet-stream' });
      },
    );
    await tab.goto(scene.service.url);
    const found = await outcome(tab);
    expectWords(found);
    expect(found.problem).toMatch(/not safe to use/);
    expect(found.text).toMatch(/Nothing was made or sent\..*128/s);
    expect(requests.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
    // Nothing broke the policy, in the worker neither; had it, it would have been reported, as this script is.
    const reports = () => requests.filter((request) => request.endsWith('/broken'));
    expect(reports()).toEqual([]);
    await tab.evaluate(() => {
      document.head.append(
        Object.assign(document.createElement('script'), { textContent: 'globalThis.broken = true' }),
      );
    });
    await expect.poll(reports).toHaveLength(1);
    await shipped.close();
  });

  it('has no code that accepts one', () => {
    const scripts = (folder: string) =>
      readdirSync(join(scene.folder, folder, 'assets'))
        .filter((name) => name.endsWith('.js'))
        .map((name) => readFileSync(join(scene.folder, folder, 'assets', name), 'utf8'))
        .join('\n');
    const accepts = /insecure:(!0|true)/;
    expect(scripts('page')).toMatch(accepts);
    expect(scripts('shipped')).not.toMatch(accepts);
  });
});
