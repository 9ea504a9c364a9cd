// A real service whose answers somebody changes on their way, and a page that shows none of them: results that are forged,
// swapped or played again, files of a program with a changed byte, key sets that are another's.
import { type Ciphertext, Context, ciphertextFromWire, ciphertextToWire, type WireObject } from '@cipherformer/ckks';
import { type ProgramManifest, parametersOf } from '@cipherformer/runtime/client';
import type { BrowserContext, Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EnvelopeReader, sealEnvelope } from '../../../packages/runtime/src/protocol/envelope.ts';
import { ask, askText, expectWords, outcome, Scene } from './scene.ts';

let scene: Scene;
let context: Context;
const manifests = new Map<string, ProgramManifest>();

/** Somebody with keys at the service, who has read an answer, whose bytes are kept. */
interface Asker {
  readonly person: BrowserContext;
  readonly page: Page;
  readonly result: Buffer;
}

beforeAll(async () => {
  scene = await Scene.open({ headlines: true });
  const { programs } = (await scene.api('/v1/programs')) as { programs: { digest: string; summary: { name: string } }[] };
  for (const { digest, summary } of programs) {
    const response = await fetch(`${scene.service.url}/v1/programs/${digest}/client/manifest.json`);
    manifests.set(summary.name, (await response.json()) as ProgramManifest);
  }
  context = await Context.create(parametersOf(manifests.get('small digits')!, { insecure: true }), { insecure: true });
}); // biome-ignore format: one line each
afterAll(async () => {
  context?.[Symbol.dispose]();
  await scene?.close();
});

async function newAsker(): Promise<Asker> {
  const person = await scene.person();
  const { page } = await scene.visit(person);
  let result = Buffer.alloc(0);
  const found = await askWhile(page, '**/result', (body) => (result = Buffer.from(body)));
  expect(found.label).toBeDefined();
  return { person, page, result };
}

type Change = (body: Buffer) => Buffer | Promise<Buffer>;

const changed = (change: Change) => async (route: Route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: await change(Buffer.from(await response.body())) });
};

/** Asks while what comes from an address is changed. @returns what the page shows in the end */
async function askWhile(page: Page, pattern: string, change: Change, asking = ask) {
  await page.bringToFront();
  await page.context().route(pattern, changed(change));
  try {
    await asking(page);
    return await outcome(page);
  } finally {
    await page.context().unrouteAll({ behavior: 'ignoreErrors' });
  }
}

async function* chunksOf(bytes: Uint8Array) {
  yield bytes;
}

type Forgery = (ciphertext: Ciphertext) => void;

/** An honest result as somebody without the key can change it: each ciphertext anew, every checksum right. */
async function forged(body: Buffer, forge: Forgery): Promise<Buffer> {
  const { digest } = manifests.get('small digits')!;
  const reader = new EnvelopeReader(chunksOf(body), 'the result');
  const { lengths, ...header } = await reader.header({ kind: 'outputs', program: digest });
  const objects: WireObject[] = [];
  for (const length of lengths) {
    const ciphertext = await ciphertextFromWire(context, reader.object(length));
    forge(ciphertext);
    objects.push(ciphertextToWire(ciphertext));
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of await sealEnvelope(header, objects)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
} // biome-ignore format: one line each

/** Writes each residue of a ciphertext's second polynomial, by its prime. */
const rewrite = (residue: (prime: number) => number) => (ciphertext: Ciphertext) => {
  const { kernels, ring, parameters } = context;
  for (let limb = 0; limb <= ciphertext.level; limb++) {
    const bytes = kernels.view(ciphertext.part(1) + 8 * ring.n * limb, 8 * ring.n);
    const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, ring.n);
    for (let i = 0; i < ring.n; i++) words[i] = BigInt(residue(parameters.primes[limb]!));
  }
};

describe('a result', () => {
  let asker: Asker;
  // Three that no honest service makes lock a key.
  beforeEach(async () => {
    asker = await newAsker();
  });
  afterEach(() => asker.person.close());

  const refused = async (change: Change) => {
    const found = await askWhile(asker.page, '**/result', change);
    expectWords(found);
    expect(found.problem).toBe('The answer was not opened');
    expect(await asker.page.isVisible('#answer')).toBe(false);
  };

  it('forged without any key is refused', () =>
    refused((body) =>
      forged(
        body,
        rewrite(() => 0),
      ),
    ));

  it('forged of noise has no label', async () => {
    const found = await askWhile(asker.page, '**/result', (body) =>
      forged(
        body,
        rewrite((prime) => Math.floor(Math.random() * prime)),
      ),
    );
    expect([undefined, 'No answer']).toContain(found.label);
  });

  it('played again is refused', () => refused(() => asker.result));

  it('swapped for somebody else’s is refused', async () => {
    const other = await newAsker();
    await refused(() => other.result);
    await other.person.close();
  });

  it('swapped for one of another program is refused', async () => {
    const { page } = asker;
    await page.click('.programs li:nth-child(2) button');
    await page.waitForSelector('#text');
    const asking = (on: Page) => askText(on, 'Central bank holds interest rates');
    const found = await askWhile(page, '**/result', () => asker.result, asking);
    expectWords(found);
    expect(found.problem).toBe('The answer was not opened');
  });
});

describe('a program', () => {
  it.each([0.1, 0.5, 0.9])('whose manifest has a changed byte at %d of its length is not taken', async (at) => {
    const person = await scene.person();
    const { page, requests } = await scene.visit(person, { open: false });
    await person.route('**/manifest.json', changed((body) => flipped(body, at)));
    await page.goto(scene.service.url);
    await expectNothingSent(page, requests);
    await person.close();
  }); // biome-ignore format: one line each

  it('of which any other file has a changed byte is not taken', async () => {
    const files = Object.keys(manifests.get('small headlines')!.files);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const person = await scene.person();
      const { page, requests } = await scene.visit(person);
      await person.route(`**/client/${file}`, changed((body) => flipped(body, 0.5)));
      await page.click('.programs li:nth-child(2) button');
      await expectNothingSent(page, requests);
      await person.close();
    }
  }); // biome-ignore format: one line each

  const flipped = (body: Buffer, at: number) => {
    body[Math.floor(at * body.length)]! ^= 1;
    return body;
  };

  async function expectNothingSent(page: Page, requests: readonly string[]): Promise<void> {
    const found = await outcome(page);
    expectWords(found);
    expect(found.problem).toMatch(/not safe to use|not a service/);
    expect(requests.filter((request) => /^(PUT|POST)/.test(request))).toEqual([]);
  }
});

describe('a key set', () => {
  it('of somebody else, on which the question is computed, gives no answer', async () => {
    const [asker, other] = [await newAsker(), await newAsker()];
    const { keysets } = (await scene.api('/v1/keysets')) as { keysets: { id: string }[] };
    const stranger = keysets.at(-1)!.id;
    await asker.person.route('**/v1/jobs?*', (route) =>
      route.continue({
        url: route
          .request()
          .url()
          .replace(/keyset=\w+/, `keyset=${stranger}`),
      }),
    );
    await asker.page.bringToFront();
    await ask(asker.page);
    const found = await outcome(asker.page);
    expectWords(found);
    expect(found.label).toBeUndefined();
    for (const { person } of [asker, other]) await person.close();
  });
});
