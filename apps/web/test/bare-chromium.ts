// A Chromium spoken to over a pipe (Chrome DevTools Protocol) with no more than a test of memory may use: Playwright has the
// browser record the network, bodies included, which slows uploads of gigabytes and adds to what is measured.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { chromiumPath } from '../../../packages/ckks/test/browser/chromium.ts';
import type { Stroke } from './browser.ts';

type Json = Readonly<Record<string, unknown>>;

export class BareChromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  #calls = 0;
  #session: string | undefined;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const message of messages) this.#hear(JSON.parse(message));
    });
    child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`Chromium ended with code ${code}`));
    });
  }

  /** Opens one page. @param script runs in it before its own, each time that it is loaded */
  static async open(url: string, script = ''): Promise<BareChromium> {
    const profile = mkdtempSync(join(tmpdir(), 'bare-chromium-'));
    const child = spawn(
      await chromiumPath(),
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--remote-debugging-pipe', `--user-data-dir=${profile}`, '--window-size=1200,900', 'about:blank'],
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const browser = new BareChromium(child, profile);
    const { targetId } = await browser.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.#call('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = sessionId as string;
    await browser.#call('Page.enable', {});
    await browser.#call('Page.addScriptToEvaluateOnNewDocument', { source: script });
    await browser.visit(url);
    return browser;
  }

  /** Loads a page in the place of the one that is there. */
  async visit(url: string): Promise<void> {
    await this.#call('Page.navigate', { url });
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }); // biome-ignore format: one call
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Draws strokes with the mouse into an element. */
  async draw(selector: string, strokes: readonly Stroke[]): Promise<void> {
    const box = await this.#box(selector);
    const mouse = (type: string, [x, y]: readonly [number, number], buttons: number) =>
      this.#call('Input.dispatchMouseEvent', {
        ...{ type, x: box.x + x * box.width, y: box.y + y * box.height },
        ...{ button: 'left', buttons, clickCount: 1 },
      });
    for (const stroke of strokes) {
      await mouse('mouseMoved', stroke[0]!, 0);
      await mouse('mousePressed', stroke[0]!, 1);
      for (const point of stroke) await mouse('mouseMoved', point, 1);
      await mouse('mouseReleased', stroke.at(-1)!, 0);
    }
  }

  /** Clicks in the middle of an element. */
  async click(selector: string): Promise<void> {
    await this.draw(selector, [[[0.5, 0.5]]]);
  }

  /** A picture of the whole page, as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#call('Page.captureScreenshot', { captureBeyondViewport: true });
    return Buffer.from(data as string, 'base64');
  }

  /** Peak resident memory so far, in MiB: of the largest renderer, which is the page with its worker, and of the browser. */
  async peakMiB(): Promise<{ tab: number; browser: number }> {
    const { processInfo } = await this.#call('SystemInfo.getProcessInfo', {}, false);
    const peaks = (processInfo as { type: string; id: number }[]).map(({ type, id }) => ({ type, peak: peakOf(id) }));
    const largest = (wanted: string) =>
      Math.max(...peaks.filter(({ type }) => type === wanted).map(({ peak }) => peak));
    return { tab: largest('renderer'), browser: largest('browser') };
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #box(selector: string): Promise<{ x: number; y: number; width: number; height: number }> {
    return this.evaluate(
      `(() => { const at = document.querySelector(${JSON.stringify(selector)}); at.scrollIntoView({ block: 'center' }); return at.getBoundingClientRect().toJSON(); })()`,
    );
  }

  #call(method: string, params: Json, inPage = true): Promise<Json> {
    const id = ++this.#calls;
    const session = inPage && this.#session !== undefined ? { sessionId: this.#session } : {};
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #hear(message: { id?: number; result?: Json; error?: { message: string } }): void {
    if (message.id === undefined) return;
    const call = this.#waiting.get(message.id)!;
    this.#waiting.delete(message.id);
    if (message.error) call.reject(new Error(message.error.message));
    else call.resolve(message.result ?? {});
  }
}

function peakOf(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kib) / 1024);
}
