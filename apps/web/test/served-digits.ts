// The repository's model of digits, served by the executable at 128-bit security with its page.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { demoPaths } from '../../../packages/cipherformer/src/demo/folder.ts';
import { polynomialLogits, testImages } from '../../../packages/cipherformer/src/demo/samples.ts';

const executable = join(import.meta.dirname, '../../../packages/cipherformer/bin/cipherformer.js');

export interface ServedDigits {
  readonly url: string;
  close(): Promise<void>;
}

/** Needs 10 GiB of memory and 6 of disk. @throws where the page was not built */
export async function serveDigits(): Promise<ServedDigits> {
  const folder = mkdtempSync(join(tmpdir(), 'served-digits-'));
  const args = [executable, 'serve', demoPaths().polynomial, '--port', '0', '--data', join(folder, 'data'), '--json'];
  const service: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => service.once('exit', () => resolve()));
  const close = async () => {
    service.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const { url, page } = await new Promise<{ url: string; page: boolean }>((resolve, reject) => {
    service.stdout!.once('data', (line) => resolve(JSON.parse(String(line))));
    service.once('exit', (code) => reject(new Error(`serve ended with code ${code}`)));
  });
  if (page) return { url: `${url}/`, close };
  await close();
  throw new Error('the page is not built: npm run build');
}

/** What the polynomial model says in clear to 28 x 28 greys from 0 to 255. */
export function clearDigit(pixels: readonly number[]): string {
  const model = loadPolynomialModel(demoPaths().polynomial);
  const [logits] = polynomialLogits(model, { ...testImages(), pixels: Uint8Array.from(pixels) }, 1);
  return `${logits!.indexOf(Math.max(...logits!))}`;
}
