import { appendFileSync, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { compareSpecs, type KeySpec, keyWireBytes, nameOfPart, type SecretKey, StorageError } from '@cipherformer/ckks';
import { diskSpace, partialSuffix, writeAll, writeDurably } from '@cipherformer/ckks/durable';
import { FileError } from '../errors.ts';
import { keyListFile, partPath, partsFolder, readKeyList } from './key-folder.ts';
import { type KeyList, makeKeyList, missingSpecs, specsOf, tuplesOf } from './key-list.ts';
import { type MakePartsOptions, makeParts, type PartMemory } from './key-parts.ts';

// Node only, where the secret key is.

/**
 * Makes the evaluation keys of a plan in a folder, part by part: parts that are there are not made again, and the list is
 * written last. Keys that the folder has for other programs of this secret stay.
 * @param memoryFile where digests of parts made so far are kept: beside the secret
 * Throws StorageError, before anything is made, where the disk has no room; the signal's reason: then the same call goes on.
 */
export async function writeKeyFolder(
  folder: string,
  secret: SecretKey,
  specs: readonly KeySpec[],
  memoryFile: string,
  options: Omit<MakePartsOptions, 'present'> = {},
): Promise<KeyList> {
  const { parameters } = secret.context;
  await mkdir(join(folder, partsFolder), { recursive: true });
  const all = [...specs, ...(await earlierSpecs(folder, secret, specs))].sort(compareSpecs);
  const present = await sweepParts(folder);
  await checkRoom(folder, keyWireBytes(parameters, all), present.bytes);
  const memory = await FilePartMemory.open(memoryFile, secret);
  // A part goes to the disk while the next one is made.
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const { sha256, bytes } of makeParts(secret, all, memory, { ...options, present: present.digests })) {
      await writing;
      writing = writeDurably(partPath(folder, sha256), (file) => writeAll(file, bytes));
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  const list = makeKeyList(parameters, secret.id, all, (part) => memory.get(nameOfPart(part))!);
  const text = new TextEncoder().encode(`${JSON.stringify(list)}\n`);
  await writeDurably(join(folder, keyListFile), (file) => writeAll(file, text));
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
  return missingSpecs(tuplesOf(specs), specsOf(list.keys));
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

async function checkRoom(folder: string, needed: number, there: number): Promise<void> {
  const { freeBytes } = await diskSpace(folder);
  if (freeBytes + there >= needed) return;
  throw new StorageError(
    `the evaluation keys take ${needed} bytes in ${folder}, ${there} are there and ${freeBytes} are free: make room or choose another folder; nothing was made`,
  );
}

/** Digests of parts as lines "<SHA-256> <part>" behind a first line that names the key: appended as parts are made. */
class FilePartMemory implements PartMemory {
  readonly #path: string;
  readonly #digests: Map<string, string>;

  private constructor(path: string, digests: Map<string, string>) {
    this.#path = path;
    this.#digests = digests;
  }

  /** A memory of another key, or a damaged one, is begun again: it only saves work. */
  static async open(path: string, secret: SecretKey): Promise<FilePartMemory> {
    const first = `cipherformer-parts 1 ${secret.id}`;
    const text = existsSync(path) ? await readFile(path, 'utf8') : '';
    const [title, ...lines] = text.split('\n');
    const digests = new Map<string, string>();
    if (title === first) {
      for (const line of lines) {
        const [, sha256, part] = /^([0-9a-f]{64}) (\S+)$/.exec(line) ?? [];
        if (sha256 !== undefined && part !== undefined) digests.set(part, sha256);
      }
      // An interruption may have cut the last line short.
      if (!text.endsWith('\n')) appendFileSync(path, '\n');
    } else {
      await mkdir(dirname(path), { recursive: true });
      await writeDurably(path, (file) => writeAll(file, new TextEncoder().encode(`${first}\n`)), { mode: 0o600 });
    }
    return new FilePartMemory(path, digests);
  }

  get(part: string): string | undefined {
    return this.#digests.get(part);
  }

  set(part: string, sha256: string): void {
    if (this.#digests.get(part) === sha256) return;
    this.#digests.set(part, sha256);
    appendFileSync(this.#path, `${sha256} ${part}\n`);
  }
}
