import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { StorageError } from '@cipherformer/base';
import { compareSpecs, type KeySpec, keyWireBytes, maxPartBytes, nameOfPart, type SecretKey } from '@cipherformer/ckks';
import { diskSpace, partialSuffix, writeBytesDurably } from '@cipherformer/ckks/durable';
import { FileError } from '../errors.ts';
import { keyListFile, partPath, partsFolder, readKeyList } from './key-folder.ts';
import { type KeyList, makeKeyList, missingSpecs, specsOf } from './key-list.ts';
import { type MakePartsOptions, makeParts, type PartMemory } from './key-parts.ts';

// Node only, where the secret key is.

export interface WriteKeyFolderOptions extends Omit<MakePartsOptions, 'present' | 'buffer'> {
  /** Asked with the bytes of all keys before any is made, those that a list in the folder adds included; throws for no. */
  readonly agree?: (bytes: number) => Promise<void>;
}

/**
 * Makes the evaluation keys of a plan in a folder, part by part: parts that are there are not made again, and the list is
 * written last. Keys that the folder has for other programs of this secret stay.
 * @param memory what knows the parts made so far: kept beside the secret
 * @throws StorageError, before anything is made, where the disk has no room; the signal's reason: then the same call goes on
 */
export async function writeKeyFolder(
  folder: string,
  secret: SecretKey,
  specs: readonly KeySpec[],
  memory: PartMemory,
  options: WriteKeyFolderOptions = {},
): Promise<KeyList> {
  const { parameters } = secret.context;
  await mkdir(join(folder, partsFolder), { recursive: true });
  const all = [...specs, ...(await earlierSpecs(folder, secret, specs))].sort(compareSpecs);
  const present = await sweepParts(folder);
  const bytes = keyWireBytes(parameters, all);
  await options.agree?.(bytes);
  await checkRoom(folder, folder, bytes, present.bytes);
  // A part goes to the disk while the next one is made in the other buffer.
  const buffers = [new ArrayBuffer(maxPartBytes), new ArrayBuffer(maxPartBytes)];
  const buffer = () => {
    buffers.reverse();
    return buffers[0]!;
  };
  let writing: Promise<void> = Promise.resolve();
  try {
    const made = makeParts(secret, all, memory, { ...options, buffer, present: present.digests });
    for await (const { sha256, bytes } of made) {
      await writing;
      writing = writeBytesDurably(partPath(folder, sha256), bytes);
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  const list = makeKeyList(parameters, secret.id, all, (part) => memory.get(nameOfPart(part))!);
  const text = new TextEncoder().encode(`${JSON.stringify(list)}\n`);
  await writeBytesDurably(join(folder, keyListFile), text);
  return list;
}

/** The keys that the folder already has for other programs. */
async function earlierSpecs(folder: string, secret: SecretKey, specs: readonly KeySpec[]): Promise<KeySpec[]> {
  if (!existsSync(join(folder, keyListFile))) return [];
  const list = await readKeyList(folder, secret.context.parameters);
  if (list.key !== secret.id)
    throw new FileError(
      `${folder} has evaluation keys of the secret key ${list.key.slice(0, 12)}, this is ${secret.id.slice(0, 12)}: choose another folder`,
    );
  return missingSpecs(specs, specsOf(list.keys));
}

/** The whole parts of a folder; what an interruption left half-written is removed. */
async function sweepParts(folder: string): Promise<{ digests: Set<string>; bytes: number }> {
  const digests = new Set<string>();
  let bytes = 0;
  for (const name of await readdir(join(folder, partsFolder))) {
    const path = partPath(folder, name);
    if (name.endsWith(partialSuffix)) await rm(path, { force: true });
    else if (/^[0-9a-f]{64}$/.test(name)) {
      digests.add(name);
      bytes += (await stat(path)).size;
    }
  }
  return { digests, bytes };
}

/**
 * Whether a folder of evaluation keys has room, before there is a secret key or anything else. What is there already counts.
 * @throws StorageError where it has not
 */
export async function checkKeyRoom(folder: string, needed: number): Promise<void> {
  const parts = join(folder, partsFolder);
  const there = existsSync(parts) ? (await sweepParts(folder)).bytes : 0;
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  await checkRoom(folder, existing, needed, there);
}

/** @param on a folder on the same disk */
async function checkRoom(folder: string, on: string, needed: number, there: number): Promise<void> {
  const { freeBytes } = await diskSpace(on);
  if (freeBytes + there >= needed) return;
  throw new StorageError(
    `the evaluation keys take ${needed} bytes in ${folder}, ${there} are there and ${freeBytes} are free: make room or choose another folder; nothing was made`,
  );
}
