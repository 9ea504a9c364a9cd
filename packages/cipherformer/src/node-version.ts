import { readFileSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';

/**
 * @param version of a Node, as `process.versions.node`
 * @param needed as `engines` of package.json: `>=20.19`
 * @throws UsageError where the Node is older
 */
export function checkNode(version: string, needed: string): void {
  const numbers = (text: string) => text.replace(/^\D+/, '').split('.').map(Number);
  const [major = 0, minor = 0] = numbers(version);
  const [leastMajor = 0, leastMinor = 0] = numbers(needed);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new UsageError(`cipherformer needs Node ${leastMajor}.${leastMinor} or newer, and this is ${version}`, {
    hint: 'install the current LTS from https://nodejs.org',
  });
}

// Loaded before all else: the rest uses what older Nodes lack, and would end there in riddles.
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
checkNode(process.versions.node, manifest.engines.node);
