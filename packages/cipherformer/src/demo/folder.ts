import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';

const recipe = 'recipes/convert/demo.json';

/**
 * Where the demo's models, samples and recipe are: packed with this package (scripts/packages.mjs of the repository), or in the
 * repository. Both have the same folders.
 * @param own the package's folder
 * @throws UsageError where they are in neither
 */
export function demoFolder(own = join(import.meta.dirname, '../..')): string {
  const found = [own, join(own, '../..')].find((folder) => existsSync(join(folder, recipe)));
  if (found === undefined)
    throw new UsageError(`the demo's models and samples are not in ${own}: install the package again.`);
  return found;
}

/** Folders of the demo's models and samples, and the file of its recipe. @throws UsageError where they are nowhere */
export function demoPaths(folder = demoFolder()) {
  return {
    original: join(folder, 'models/mnist-vit'),
    polynomial: join(folder, 'models/mnist-vit-polynomial'),
    samples: join(folder, 'examples/mnist'),
    recipe: join(folder, recipe),
  };
}
