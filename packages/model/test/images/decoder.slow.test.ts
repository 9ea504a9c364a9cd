// Pictures in a browser, under the policy that pages have: the same bytes as in Node, and the decoder of JPEGs only for JPEGs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { expect, it } from 'vitest';
import { launchBrowser } from '../../../../apps/web/test/browser.ts';
import { serveFiles } from '../../../../apps/web/test/file-server.ts';
import { decodePicture } from '../../src/images/decode.ts';
import type { DecoderProbe } from './decoder-page/main.ts';

const pictures: { name: string; file: string }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../references/pictures.json'), 'utf8'),
);
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

it('gives the bytes that Node gives, and refuses what Node refuses', async () => {
  const outDir = mkdtempSync(join(tmpdir(), 'decoder-page-'));
  const root = join(import.meta.dirname, 'decoder-page');
  await build({ root, configFile: false, logLevel: 'error', resolve: { conditions: ['@cipherformer/source'] }, build: { outDir, target: 'es2022', assetsInlineLimit: 0, modulePreload: false } }); // biome-ignore format: a line
  const server = await serveFiles({ '': outDir }, { headers: () => ({ 'content-security-policy': policy }) });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.waitForFunction(() => 'probe' in globalThis);
    const decode = (file: Uint8Array) =>
      page.evaluate(
        (bytes) => (globalThis as unknown as { probe: DecoderProbe }).probe.decode(bytes),
        Array.from(file),
      );
    const isAsked = () => asked.some((path) => /jpeg/.test(path));
    for (const { name, file } of pictures) {
      const bytes = new Uint8Array(Buffer.from(file, 'base64'));
      const { channels, pixels } = await decodePicture(bytes, 'p');
      expect(await decode(bytes), name).toEqual({ channels, pixels: [...pixels] });
      if (!name.startsWith('jpeg')) expect(isAsked()).toBe(false);
      const cut = bytes.slice(0, (2 * bytes.length) / 3);
      expect(await decode(cut)).toBe(await decodePicture(cut, 'p').catch((error: Error) => error.message));
    }
    expect(isAsked()).toBe(true);
    // Once, however many were decoded.
    expect(asked.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
  } finally {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  }
}, 120_000);
