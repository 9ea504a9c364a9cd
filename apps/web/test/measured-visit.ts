// A person's two visits to a page of digits, watched: when it takes a drawing, how long each step lasts, which tasks block it, what
// memory its tab takes. In a Chromium that records nothing itself, so that gigabytes of keys are as they are for people.
import { BareChromium } from './bare-chromium.ts';
import { strokes } from './browser.ts';

/** What happened in a visit, in milliseconds since it began. */
interface Probe {
  /** A drawing is taken, and what it will cost is said. */
  readonly ready?: number;
  /** Steps of a question, each when it began. */
  readonly steps: readonly (readonly [step: string, began: number])[];
  readonly answered?: number;
  /** Tasks of the main thread of 50 ms or more. */
  readonly tasks: readonly (readonly [began: number, took: number])[];
  readonly problem?: string;
}

const probeScript = `(() => {
  const probe = (globalThis.visitProbe = { steps: [], tasks: [] });
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) probe.tasks.push([startTime, duration]);
  }).observe({ type: 'longtask', buffered: true });
  const shown = (id) => document.getElementById(id)?.hidden === false;
  new MutationObserver(() => {
    const now = performance.now();
    if (document.getElementById('pad') && /iB/.test(document.getElementById('key-bytes')?.textContent)) probe.ready ??= now;
    const step = document.querySelector('#steps li[data-state=now]')?.dataset.step;
    if (step && probe.steps.at(-1)?.[0] !== step) probe.steps.push([step, now]);
    if (shown('answer')) probe.answered ??= now;
    if (shown('problem')) probe.problem = document.getElementById('problem').innerText;
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
})()`;

/** A question that was answered. */
export interface MeasuredQuestion {
  readonly label: string;
  readonly verdict: string;
  /** What was encrypted, 28 x 28 from 0 to 255. */
  readonly pixels: readonly number[];
  /** Until the page took a drawing; of the visit. */
  readonly readySeconds: number;
  /** From the click to the answer. */
  readonly seconds: number;
  /** By step of the time line: keys, check, send, queue, run, open. */
  readonly steps: Readonly<Record<string, number>>;
  /** Longest task of the main thread while keys were made and sent; 0 for none of 50 ms. */
  readonly longestTaskMs: number;
  /** Peak of the tab's memory when the keys were there. */
  readonly keysTabMiB: number;
}

export class MeasuredVisits {
  readonly #browser: BareChromium;
  readonly #url: string;

  private constructor(browser: BareChromium, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  /** Begins the first visit. */
  static async open(url: string): Promise<MeasuredVisits> {
    return new MeasuredVisits(await BareChromium.open(url, probeScript), url);
  }

  /** Begins another visit: the page is loaded again. */
  again(): Promise<void> {
    return this.#browser.visit(this.#url);
  }

  /** Draws a digit, asks, and waits for the answer. @throws where the page shows a problem */
  async ask(digit: string): Promise<MeasuredQuestion> {
    const ready = await this.#until(({ ready }) => ready);
    await this.#browser.draw('#pad', strokes[digit]!);
    const pixels = await this.#browser.evaluate<number[]>(
      `Array.from({ length: 784 }, (_, i) => document.getElementById('prepared').getContext('2d').getImageData(0, 0, 28, 28).data[4 * i + 3])`,
    );
    await this.#browser.click('#ask');
    const asked = await this.#until(({ steps }) => steps[0]?.[1]);
    await this.#until(({ steps }) => steps.find(([step]) => step !== 'keys'));
    const { tab: keysTabMiB } = await this.#browser.peakMiB();
    const answered = await this.#until((probe) => probe.answered);
    const { steps, tasks } = await this.#probe();
    const ends = [...steps.slice(1).map(([, began]) => began), answered];
    const keysEnd = ends[0]!;
    const whileKeys = tasks.filter(([began]) => began >= asked && began < keysEnd).map(([, took]) => took);
    const text = (id: string) => this.#browser.evaluate<string>(`document.getElementById('${id}').textContent`);
    return {
      label: await text('label'),
      verdict: await text('verdict'),
      pixels,
      readySeconds: ready / 1000,
      seconds: (answered - asked) / 1000,
      steps: Object.fromEntries(steps.map(([step, began], i) => [step, (ends[i]! - began) / 1000])),
      longestTaskMs: Math.round(Math.max(0, ...whileKeys)),
      keysTabMiB,
    };
  }

  /** Peak so far, in MiB. */
  peakMiB(): Promise<{ tab: number; browser: number }> {
    return this.#browser.peakMiB();
  }

  screenshot(): Promise<Buffer> {
    return this.#browser.screenshot();
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  #probe(): Promise<Probe> {
    return this.#browser.evaluate('globalThis.visitProbe ?? { steps: [], tasks: [] }');
  }

  async #until<T>(found: (probe: Probe) => T | undefined): Promise<T> {
    for (;;) {
      const probe = await this.#probe();
      if (probe.problem) throw new Error(`the page shows a problem: ${probe.problem}`);
      const value = found(probe);
      if (value !== undefined) return value;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
