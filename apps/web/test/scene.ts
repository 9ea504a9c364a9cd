// The page of tests, its service and a browser, for one file of tests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PolynomialEvaluator, type PolynomialModel, prepareInput } from '@cipherformer/model';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { ServiceProcess } from '../../../packages/service/test/killable.ts';
import { draw, launchBrowser } from './browser.ts';
import { buildPage } from './build.ts';
import { smallHeadlines, smallModel, smallProgram, smallSearch, startService } from './small.ts';

/** What a page asked the network for, and what it complained of. */
export interface Visitor {
  readonly page: Page;
  /** "PUT http://..." */
  readonly requests: string[];
  readonly messages: string[];
}

export class Scene {
  readonly folder: string;
  readonly model: PolynomialModel;
  readonly warnings: readonly string[];
  readonly browser: Browser;
  service: ServiceProcess;
  #programs: readonly string[];

  private constructor(
    parts: Pick<Scene, 'folder' | 'model' | 'warnings' | 'browser' | 'service'>,
    programs: readonly string[],
  ) {
    this.folder = parts.folder;
    this.model = parts.model;
    this.warnings = parts.warnings;
    this.browser = parts.browser;
    this.service = parts.service;
    this.#programs = programs;
  }

  /**
   * @param insecure whether the page accepts the insecure ring of the program
   * @param headlines whether the service has a second program, of headlines
   * @param search whether it has one more, of a search
   */
  static async open({ margin = 2, insecure = true, headlines = false, search = false } = {}): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'page-'));
    const warnings = await buildPage(join(folder, 'page'), { insecure });
    const model = smallModel(margin);
    const programs = [await smallProgram(folder, 'digits', model)];
    if (headlines) programs.push(await smallProgram(folder, 'headlines', smallHeadlines()));
    if (search) programs.push(await smallProgram(folder, 'search', smallSearch()));
    const service = await startService(serviceOptions(folder, programs));
    return new Scene({ folder, model, warnings, browser: await launchBrowser(), service }, programs);
  }

  /** A new person: nothing is stored yet. */
  person(): Promise<BrowserContext> {
    return this.browser.newContext({ viewport: { width: 1200, height: 900 } });
  }

  /** A tab of a person, at the page. */
  async visit(person: BrowserContext, { open = true } = {}): Promise<Visitor> {
    const page = await person.newPage();
    const requests: string[] = [];
    const messages: string[] = [];
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    if (open) {
      await page.goto(this.service.url);
      await page.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'));
    }
    return { page, requests, messages };
  }

  /** Starts a service on the data and the port of the one that was killed. */
  async restart(): Promise<void> {
    const port = Number(new URL(this.service.url).port);
    this.service = await startService({ ...serviceOptions(this.folder, this.#programs), port });
  }

  /** Starts it again with another program in the place of the first one, of the same name. @param margin as of smallModel */
  async restartChanged(margin: number): Promise<void> {
    this.#programs = [
      await smallProgram(this.folder, `digits ${margin}`, smallModel(margin)),
      ...this.#programs.slice(1),
    ];
    await this.service.kill();
    await this.restart();
  }

  /** The answer in clear to what a page has prepared. */
  async expected(page: Page): Promise<{ label: string; scores: number[] }> {
    const pixels = await preparedPixels(page);
    const logits = [...new PolynomialEvaluator(this.model.graph).run(prepareInput(this.model, { pixels }))];
    const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
    const sum = powers.reduce((total, value) => total + value, 0);
    const label = this.model.classes![logits.indexOf(Math.max(...logits))]!;
    return { label, scores: powers.map((value) => value / sum) };
  }

  /** JSON from the service. */
  async api(path: string): Promise<Record<string, unknown[]>> {
    return (await (await fetch(this.service.url + path)).json()) as Record<string, unknown[]>;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.service.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const serviceOptions = (folder: string, folders: readonly string[]) => ({
  folders,
  publishModel: true,
  data: join(folder, 'data'),
  page: join(folder, 'page'),
});

/** What the page shows as encrypted, 28 x 28 from 0 to 255. */
export function preparedPixels(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const { data } = (document.getElementById('prepared') as HTMLCanvasElement)
      .getContext('2d')!
      .getImageData(0, 0, 28, 28);
    return Array.from({ length: 784 }, (_, i) => data[4 * i + 3]!);
  });
}

export async function ask(page: Page, digit = '3'): Promise<void> {
  await page.click('#clear', { timeout: 2000 }).catch(() => {});
  await draw(page, digit);
  await page.click('#ask');
}

export async function askText(page: Page, text: string): Promise<void> {
  await page.fill('#text', text);
  await page.click('#ask');
}

/** Waits for an answer or a problem. @returns what can be read */
export async function outcome(
  page: Page,
): Promise<{ label?: string; verdict?: string; problem?: string; text?: string }> {
  await page.waitForFunction(
    () => ['answer', 'problem'].some((id) => document.getElementById(id)?.hidden === false),
    undefined,
    { timeout: 180_000 },
  );
  return page.evaluate(() => {
    const text = (id: string) => document.getElementById(id)!.textContent!;
    return document.getElementById('problem')!.hidden
      ? { label: text('label'), verdict: text('verdict') }
      : { problem: text('problem-title'), text: text('problem-text') };
  });
}

/** What no person should read. */
export function expectWords({ problem = '', text = '' }: { problem?: string; text?: string }): void {
  expect(problem).toMatch(/^[A-Z]/);
  expect(text).toMatch(/[.!?]$/);
  expect(`${problem} ${text}`).not.toMatch(/\bat \S+:\d+|\.ts\b|\.js\b|undefined|\[object|Error:/);
}
