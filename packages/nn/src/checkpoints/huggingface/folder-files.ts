import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { FormatError, MissingFileError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';

/**
 * The path of a file that a downloaded folder names, or that lies in it as a link: one that leads out of the folder would let a
 * stranger's folder read anything. Links of the cache of huggingface_hub, to blobs beside its snapshots, are followed.
 * @throws FormatError for a path that leaves the folder, MissingFileError where there is none
 */
export function fileIn(folder: string, name: string): string {
  const path = join(folder, name);
  const outside = (from: string, to: string) => {
    const way = relative(from, to);
    return way === '..' || way.startsWith(`..${sep}`) || way.startsWith(sep);
  };
  if (outside(folder, path)) throw new FormatError(`${folder} names ${shown(name)}, which is not a file in it.`);
  let [root, target] = [folder, path];
  try {
    [root, target] = [realpathSync(folder), realpathSync(path)];
  } catch {
    throw new MissingFileError(`${path} is missing.`);
  }
  const blobs = basename(dirname(root)) === 'snapshots' ? join(dirname(dirname(root)), 'blobs') : undefined;
  if (outside(root, target) && (blobs === undefined || outside(blobs, target)))
    throw new FormatError(`${path} is a link to ${shown(target)}, which is not in the folder: copy the file into it.`);
  return path;
}
