// What an installation of the client brings along: nothing that trains, and little.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './source-graph.ts';

/** The folder of a package as Node finds it from another. */
function folderOf(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(found)) return realpathSync(found);
    if (folder === dirname(folder)) throw new Error(`${name} is not installed`);
  }
}

function bytesOf(path: string): number {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/** Bytes by name of a package and all that it depends on; of ours, of what is packed. */
function treeOf(name: string, from = root, seen = new Map<string, number>()): Map<string, number> {
  const folder = folderOf(name, from);
  if (seen.has(name)) return seen;
  const { dependencies = {}, files = [] } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const ours = folder.startsWith(join(root, 'packages'));
  const packed: string[] = ours ? files.map((file: string) => join(folder, file)) : [folder];
  seen.set(
    name,
    packed.reduce((sum, path) => sum + bytesOf(path), 0),
  );
  for (const dependency of Object.keys(dependencies)) treeOf(dependency, folder, seen);
  return seen;
}

describe('@cipherformer/client', () => {
  const tree = treeOf('@cipherformer/client');

  it('brings along less than 15 MB', () => {
    expect([...tree.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(15e6);
  });

  it('brings along these packages, none of which trains', () => {
    expect([...tree.keys()].sort()).toEqual([
      '@cipherformer/approx', '@cipherformer/base', '@cipherformer/ckks', '@cipherformer/client', '@cipherformer/model', '@cipherformer/runtime',
      '@huggingface/tokenizers', '@noble/hashes', 'zod',
    ]); // biome-ignore format: a list
  });

  it('would notice: nn brings ONNX Runtime', () => {
    expect([...treeOf('@cipherformer/nn').keys()]).toContain('onnxruntime-node');
  });
});
