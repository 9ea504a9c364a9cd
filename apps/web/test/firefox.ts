// Firefox over WebDriver BiDi: Debian's, which is installed where it is not.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, launch, type Page } from 'puppeteer-core';

const places = ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'];

/** CIPHERFORMER_FIREFOX, or a system one, or Debian's, which is installed now. */
function firefoxPath(): string {
  const find = () => process.env.CIPHERFORMER_FIREFOX ?? places.find((path) => existsSync(path));
  const there = find();
  if (there !== undefined) return there;
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'firefox-esr'], { stdio: 'ignore' });
  const installed = find();
  if (installed === undefined)
    throw new Error('there is no Firefox: install it, or set CIPHERFORMER_FIREFOX to its path');
  return installed;
}

/** A headless Firefox with a profile of its own. @param preferences as about:config has them */
export function launchFirefox(preferences: Readonly<Record<string, unknown>> = {}): Promise<Browser> {
  return launch({
    browser: 'firefox',
    executablePath: firefoxPath(),
    headless: true,
    extraPrefsFirefox: { ...preferences },
  });
}

export const patience = { timeout: 120_000 };

/** Opens the page of a service, and waits until it takes questions. */
export async function visitInFirefox(tab: Page, url: string): Promise<void> {
  await tab.goto(url);
  await tab.waitForFunction(() => document.getElementById('key-bytes')?.textContent?.includes('MiB'), patience);
}

/** Draws by the page's own samples, which the keyboard reaches too. */
export async function askDigit(tab: Page, digit: number): Promise<void> {
  await tab.waitForSelector(`button[aria-label="Draw a ${digit}"]:not(:disabled)`, patience);
  await tab.click(`button[aria-label="Draw a ${digit}"]`);
  await tab.waitForSelector('#ask:not(:disabled)', patience);
  await tab.click('#ask');
}

/** What a page shows in the end. */
export interface Shown {
  readonly label: string;
  readonly clear: string | null;
  readonly problem?: string;
  readonly text?: string;
}

/** Waits for an answer or a problem, and for the model in clear. */
export async function shownIn(tab: Page): Promise<Shown> {
  await tab.waitForFunction(
    () =>
      document.getElementById('problem')?.hidden === false ||
      (document.getElementById('answer')?.hidden === false && document.getElementById('clear-label') !== null),
    patience,
  );
  return tab.evaluate(() => {
    const text = (id: string) => document.getElementById(id)?.textContent ?? '';
    const clear = document.getElementById('clear-label')?.textContent ?? null;
    const problem = document.getElementById('problem')!.hidden
      ? {}
      : { problem: text('problem-title'), text: text('problem-text') };
    return { label: text('label'), clear, ...problem };
  });
}
