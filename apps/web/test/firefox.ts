// Firefox over WebDriver BiDi: Debian's, which is installed where it is not.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, launch } from 'puppeteer-core';

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

/** A headless Firefox with a profile of its own. */
export function launchFirefox(): Promise<Browser> {
  return launch({ browser: 'firefox', executablePath: firefoxPath(), headless: true });
}
