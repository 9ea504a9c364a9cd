// Copies what the demo reads from the repository into a package, in the same folders: before it is packed, as an installed
// package has no repository. Two models of 0.8 MiB each, 0.3 MiB of sample digits, a recipe. With --remove they go again, so
// that a checkout reads its own models and no old copies.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const files = [
  'models/mnist-vit/README.md',
  'models/mnist-vit/config.json',
  'models/mnist-vit/model.safetensors',
  // Without the record of its training, which only `report` reads.
  'models/mnist-vit-polynomial/README.md',
  'models/mnist-vit-polynomial/model.safetensors',
  'models/mnist-vit-polynomial/polynomial.json',
  'examples/mnist/README.md',
  'examples/mnist/test-500-images-idx3-ubyte.gz',
  'examples/mnist/test-500-labels-idx1-ubyte.gz',
  'examples/mnist/train-1500-images-idx3-ubyte.gz',
  'examples/mnist/train-1500-labels-idx1-ubyte.gz',
  'recipes/convert/demo.json',
];

const { values } = parseArgs({ options: { package: { type: 'string' }, remove: { type: 'boolean' } } });
const own = values.package ?? join(import.meta.dirname, '..');
const repository = join(import.meta.dirname, '../../..');
const assets = join(own, 'assets');
const target = join(assets, 'demo');
rmSync(assets, { recursive: true, force: true });
if (!values.remove)
  for (const file of files) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    copyFileSync(join(repository, file), join(target, file));
  }
