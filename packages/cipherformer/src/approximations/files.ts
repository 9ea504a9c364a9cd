import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Density,
  type FunctionInput,
  parseDensity,
  parseTable,
  type TargetFunction,
  tableFunction,
} from '@cipherformer/approx';
import { UsageError } from '@cipherformer/base';

/**
 * A function by its name or expression, from a table (.csv: x,y), or from a module (.js, .mjs) whose default export it is.
 * A module runs: give one that you trust. @throws UsageError, TableError for what cannot be read
 */
export async function loadFunction(text: string): Promise<FunctionInput> {
  const kind = extname(text).toLowerCase();
  if (kind === '.csv') return loadTable(text);
  if (kind !== '.js' && kind !== '.mjs') return text;
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(text)).href);
  } catch (error) {
    throw new UsageError(`${text} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof module.default !== 'function')
    throw new UsageError(`${text} has no default export that is a function: write "export default (x) => ..."`);
  return { name: text, value: module.default as (x: number) => number, breakpoints: [], poles: [] };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A function through the points of a table. @throws UsageError, TableError for what cannot be read */
export async function loadTable(path: string): Promise<TargetFunction> {
  const { xs, ys } = parseTable(await readText(path), path);
  return tableFunction(xs, ys, path);
}

/** Observed inputs, as parseDensity reads them. @throws UsageError, TableError for what cannot be read */
export const loadDensity = async (path: string): Promise<Density> => parseDensity(await readText(path), path);
