import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FormatError, type TensorSource, WeightError } from '@cipherformer/model';
import { openSafetensorsFile, readJson } from '@cipherformer/model/files';
import { problems, shown } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { openPthFile } from '../formats/pth.ts';
import { fileIn } from './folder-files.ts';

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The names of weight files, the first that a folder has is read. */
const layouts = [
  { file: 'model.safetensors', open: openOne },
  { file: 'model.safetensors.index.json', open: openShards },
  { file: 'pytorch_model.bin', open: openPthFile },
  { file: 'pytorch_model.bin.index.json', open: openShards },
] as const;

/**
 * The tensors of a folder's weight files; safetensors are read one at a time, when they are asked for.
 * @throws WeightError where there is no such file, FormatError for what it is
 */
export function openWeights(folder: string): TensorSource {
  const found = layouts.find(({ file }) => existsSync(join(folder, file)));
  if (!found) throw new WeightError(`${folder} has none of ${layouts.map(({ file }) => file).join(', ')}.`);
  return found.open(fileIn(folder, found.file), folder);
}

function openOne(path: string): TensorSource {
  const { names, read } = openSafetensorsFile(path);
  const known = new Set(names);
  return {
    keys: () => known.keys(),
    has: (name) => known.has(name),
    get: (name) => (known.has(name) ? read(name) : undefined),
  };
}

/** Several files, as their index places tensors in them. */
function openShards(index: string, folder: string): TensorSource {
  const shards = parseIndex(readJson(index), index);
  const files = new Map<string, TensorSource>();
  for (const shard of new Set(shards.values())) {
    const path = fileIn(folder, shard);
    const file = shard.endsWith('.safetensors') ? openOne(path) : openPthFile(path);
    for (const name of file.keys())
      if (shards.get(name) !== shard)
        throw new FormatError(`${index} does not place ${shown(name)} in ${shown(shard)}.`);
    files.set(shard, file);
  }
  for (const [name, shard] of shards)
    if (!files.get(shard)!.has(name))
      throw new WeightError(`${index} places ${shown(name)} in ${shown(shard)}, which lacks it.`);
  return {
    keys: () => shards.keys(),
    has: (name) => shards.has(name),
    get: (name) => files.get(shards.get(name) ?? '')?.get(name),
  };
}

/** The file of each tensor. @throws FormatError for an index that is none, or that names what is not a file beside it */
export function parseIndex(value: unknown, where: string): Map<string, string> {
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) throw new FormatError(`${where}: ${problems(parsed.error, value)}`);
  const shards = new Map(Object.entries(parsed.data.weight_map));
  for (const shard of new Set(shards.values())) {
    // A path would let a downloaded folder read anything.
    if (!/^[\w-][\w.-]*\.(safetensors|bin)$/.test(shard))
      throw new FormatError(`${where} names ${shown(shard)}, which is not a file beside it.`);
  }
  return shards;
}
