import { existsSync } from 'node:fs';
import packaged from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const systemBrowsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

function systemBrowser(): string | undefined {
  return process.env.CIPHERFORMER_CHROMIUM ?? systemBrowsers.find((path) => existsSync(path));
}

/** The executable of a Chromium: CIPHERFORMER_CHROMIUM, or a system one, or the one that an npm package brings. */
export async function chromiumPath(): Promise<string> {
  return systemBrowser() ?? packaged.executablePath();
}

/** A headless Chromium, for a page without tabs or workers of its own. */
export async function launchChromium(): Promise<Browser> {
  const system = systemBrowser();
  if (system !== undefined) return chromium.launch({ executablePath: system, headless: true });
  return chromium.launch({ executablePath: await packaged.executablePath(), args: packaged.args, headless: true });
}
