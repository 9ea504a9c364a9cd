import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigError, MissingFileError } from '@cipherformer/model';
import { openImageFolder, partNames } from '../sources/image-folder.ts';
import { openParquet } from '../sources/parquet.ts';
import type { Columns, Source } from '../sources/source.ts';
import { openTable } from '../sources/table.ts';
import { openByteImages } from './byte-images.ts';

const tableName = /\.(csv|tsv|jsonl|ndjson|parquet)(\.gz)?$/i;

/**
 * What a path has to give: a table (.csv, .tsv, .jsonl, .parquet), a folder of tables that are named by their part
 * (train.csv, test-00000-of-00002.parquet), IDX or CIFAR files, or a folder of pictures.
 * @throws MissingFileError, ConfigError for a path that is none of these; errors of the readers
 */
export async function openSources(path: string, columns: Columns): Promise<Source[]> {
  if (!existsSync(path)) throw new MissingFileError(`There is no ${path}. Check the path.`);
  if (!statSync(path).isDirectory()) return [await openFile(path, columns)];
  const tables = tablesIn(path);
  if (tables.length === 0) return openByteImages(path) ?? openImageFolder(path);
  const sources: Source[] = [];
  for (const file of tables) sources.push({ ...(await openFile(file, columns)), part: partOf(file, tables.length) });
  return sources;
}

/** Tables of a folder, and of its folder "data", where Hugging Face puts them. */
function tablesIn(folder: string): string[] {
  const here = readdirSync(folder).filter((name) => tableName.test(name)).sort().map((name) => join(folder, name)); // biome-ignore format: a line
  const inner = join(folder, 'data');
  return here.length > 0 || !existsSync(inner) || !statSync(inner).isDirectory() ? here : tablesIn(inner);
}

/** The part that a file's name begins with. @throws ConfigError for one of several files that does not say */
function partOf(file: string, files: number): Source['part'] {
  const word = /^[a-z]+/i.exec(basename(file))?.[0].toLowerCase() ?? '';
  const part = partNames.get(word);
  if (part === undefined && files > 1)
    throw new ConfigError(
      `${file} does not say which part it is: begin its name with train, validation or test, or give one file.`,
    );
  return part;
}

async function openFile(path: string, columns: Columns): Promise<Source> {
  const [, format] = tableName.exec(path.toLowerCase()) ?? [];
  if (format === 'parquet') return openParquet(path, columns);
  if (format === undefined)
    throw new ConfigError(`${path} is no table that is read: .csv, .tsv, .jsonl or .parquet are.`);
  return openTable(path, format === 'ndjson' ? 'jsonl' : (format as 'csv' | 'tsv' | 'jsonl'), columns);
}
