import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** How to build the page, for who has the repository. */
export const buildPage = 'npm run build --workspace apps/web';

/** The folder of the built page: beside this package's code, or in the repository; undefined where it was not built. */
export function pageFolder(): string | undefined {
  const own = join(import.meta.dirname, '../..');
  return [join(own, 'dist/web'), join(own, '../../apps/web/dist')].find((folder) =>
    existsSync(join(folder, 'index.html')),
  );
}
