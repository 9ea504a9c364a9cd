// For builds by Vite: lists what was built with its SHA-256, as `sha256sum --check SHA256SUMS` reads it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const name = 'SHA256SUMS';
const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

export const sums = {
  name: 'cipherformer-sums',
  apply: 'build',
  writeBundle({ dir = '' }) {
    const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => file !== name);
    const lines = files
      .filter((file) => statSync(join(dir, file)).isFile())
      .sort()
      .map((file) => `${sha256(join(dir, file))}  ${file}\n`);
    writeFileSync(join(dir, name), lines.join(''));
  },
};
