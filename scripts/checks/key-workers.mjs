// What a second worker gains that makes keys in a page (docs/decisions/0021-one-key-worker.md): parts of evaluation keys at 128-bit
// security, made in Chromium by one worker and by two in turns, nothing sent. Needs an idle machine: whatever else runs takes from
// one worker half of what it takes from two.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview } from 'vite';
import { loadSource } from '../source.mjs';

export const description = 'what a second worker gains that makes keys in a page, and what it takes of memory';

/** Parts that are made in a round: some 5 MiB each. */
const parts = 16;
const rounds = 8;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rounded = (value) => Number(value.toFixed(2));

export async function check({ quick, log }) {
  const root = join(import.meta.dirname, '../../apps/web/test/key-workers');
  const outDir = mkdtempSync(join(tmpdir(), 'key-workers-'));
  const common = { root, configFile: false, logLevel: 'silent', resolve: { conditions: ['@cipherformer/source', 'browser', 'import', 'default'] } };
  const [{ BareChromium }] = await loadSource('apps/web/test/bare-chromium.ts');
  await build({ ...common, worker: { format: 'es' }, build: { outDir, emptyOutDir: true, target: 'es2022' } });
  const server = await preview({ ...common, build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
  const sides = [];
  try {
    for (const workers of [1, 2]) {
      const browser = await BareChromium.open(server.resolvedUrls.local[0]);
      const make = (count) => browser.evaluate(`makeKeys(${workers}, ${count})`);
      sides.push({ workers, browser, make, seconds: [], tabMiB: 0 });
      while (!(await browser.evaluate("'makeKeys' in globalThis"))) await new Promise((resolve) => setTimeout(resolve, 100));
      // Kernels, tables and secret.
      await make(workers);
    }
    // In turns, so that what else the machine does meets both.
    for (let round = 0; round < (quick ? 2 : rounds); round++)
      for (const { make, seconds } of sides) seconds.push(await make(parts));
    for (const side of sides) {
      side.tabMiB = (await side.browser.peakMiB()).tab;
      log(`${side.workers} at work: ${side.seconds.map((value) => value.toFixed(2)).join(' ')} s for ${parts} parts, tab ${side.tabMiB} MiB`);
    }
  } finally {
    for (const { browser } of sides) await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  }
  const [one, two] = sides;
  return {
    parts,
    oneSeconds: rounded(median(one.seconds)),
    twoSeconds: rounded(median(two.seconds)),
    gain: rounded(median(one.seconds) / median(two.seconds)),
    oneTabMiB: one.tabMiB,
    twoTabMiB: two.tabMiB,
  };
} // biome-ignore format: one line each
