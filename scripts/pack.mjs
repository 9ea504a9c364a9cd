// npm run pack: all packages as tarballs in tarballs/, as they are published.
//   -- --platforms linux-x64-gnu   native kernels for these only (default: all that a compiler is here for)
//   -- --out <folder>
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compilerFor, platforms } from '../packages/ckks/scripts/packed-addons.mjs';
import { packAll } from './packages.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { platforms: { type: 'string' }, out: { type: 'string' } } });
const names =
  values.platforms?.split(',').filter(Boolean) ?? Object.keys(platforms).filter((name) => compilerFor(name));
const out = resolve(values.out ?? join(root, 'tarballs'));
const packed = await packAll(out, names);
process.stdout.write(`${packed.all.length} packages, native kernels for ${names.join(', ') || 'no platform'}\n`);
// The whole path: it is another folder's installation.
process.stdout.write(`npm install ${out}/*.tgz${names[0] ? ` ${out}/${names[0]}/*.tgz` : ''}\n`);
