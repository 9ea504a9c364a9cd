import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError, syncDirectory } from '@cipherformer/ckks/durable';
import { excerpt } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { FileError } from '../errors.ts';
import { noVerdicts, type VerdictCounts, type VerdictEntry, type VerdictLedger, withEntry } from './verdicts.ts';

// Node only. A file beside the secret key that is only ever appended to: a line that names the key, then a line an entry.
// An appended line is one write, which processes do not tear from each other, so none loses a count and no lock can stay behind.

const format = 'cipherformer-verdicts';
const version = 1;
const maxBytes = 2 ** 24;

const headSchema = z.strictObject({ format: z.literal(format), version: z.literal(version), key: z.string() });
const count = z
  .int()
  .min(1)
  .max(2 ** 48);
const entrySchema = z.union([
  z.strictObject({ dishonest: count }),
  z.strictObject({ outOfRange: count }),
  z.strictObject({ allowed: count }),
]);

/** Where the counts of a secret key stand: beside it. */
export const verdictFileOf = (secretFile: string): string => `${secretFile}.verdicts.jsonl`;

/** The counts of a secret key in a file. All methods throw FileError for a file that is missing, damaged or of another key. */
export class FileVerdictLedger implements VerdictLedger {
  readonly #path: string;
  readonly #key: string;

  /**
   * @param path `verdictFileOf` the secret key's file, made by `create`
   * @param key names the secret key: `SecretKey.id`
   */
  constructor(path: string, key: string) {
    this.#path = path;
    this.#key = key;
  }

  /** Starts the counts of a new key, in a file that only its owner can use. @throws FileError where there is one */
  static async create(path: string, key: string): Promise<FileVerdictLedger> {
    const file = await opened(path, 'wx', 0o600);
    try {
      await writeLine(file, { format, version, key }, path);
      await file.close();
      await syncDirectory(dirname(path));
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
    return new FileVerdictLedger(path, key);
  }

  /**
   * Removes counts whose key was never written, as a crash leaves them: a first line, whole or not, and nothing counted.
   * Counts of anything stay. Only for who found no key beside them.
   */
  static async removeUnused(path: string): Promise<void> {
    const [head = '', ...counted] = linesOf(await contentOf(path));
    if (counted.length === 0 && (headSchema.safeParse(jsonOf(head)).success || !head.endsWith('}'))) await rm(path);
  }

  async load(): Promise<VerdictCounts> {
    return (await this.#entries()).reduce(withEntry, noVerdicts);
  }

  async record(entry: VerdictEntry): Promise<VerdictCounts> {
    // Of another key or damaged: nothing is added to it.
    await this.#entries();
    const file = await opened(this.#path, constants.O_WRONLY | constants.O_APPEND);
    try {
      await writeLine(file, entry, this.#path);
    } finally {
      await file.close();
    }
    return this.load();
  }

  async #entries(): Promise<VerdictEntry[]> {
    const [head = '', ...lines] = linesOf(await contentOf(this.#path));
    const parsed = headSchema.safeParse(jsonOf(head));
    if (!parsed.success) throw damaged(this.#path);
    if (parsed.data.key !== this.#key)
      throw new FileError(
        `${this.#path} counts for the secret key ${excerpt(parsed.data.key, 12)}, not for ${excerpt(this.#key, 12)}: put back the file that keygen wrote beside this key`,
      );
    return lines.flatMap((line) => {
      // The power failed, or the disk was full, while it was written: nobody was shown the verdict that it was to count.
      if (!line.endsWith('}')) return [];
      const entry = entrySchema.safeParse(jsonOf(line));
      if (!entry.success) throw damaged(this.#path);
      return [entry.data];
    });
  }
}

async function contentOf(path: string): Promise<string> {
  const file = await opened(path, constants.O_RDONLY);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw damaged(path);
    return await readFile(file, 'utf8');
  } finally {
    await file.close();
  }
}

const linesOf = (content: string): string[] => content.split('\n').filter((line) => line !== '');

/** One write, on the disk when it returns. Begins a line of its own, whatever a failed write left before it. */
async function writeLine(file: FileHandle, line: object, path: string): Promise<void> {
  const bytes = Buffer.from(`\n${JSON.stringify(line)}\n`);
  const { bytesWritten } = await file.write(bytes).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') return { bytesWritten: 0 };
    throw storageError(cause, path, bytes.length);
  });
  if (bytesWritten < bytes.length)
    throw new FileError(`cannot write ${path}: the disk is full; make room, no verdict is shown without its count`);
  await file.sync();
}

async function opened(path: string, flags: string | number, mode?: number): Promise<FileHandle> {
  try {
    return await open(path, flags, mode);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && flags !== 'wx')
      throw new FileError(
        `there is no ${path}, which counts what the secret key beside it has told: put it back from where the key was before. ` +
          'If it is lost, or the key is of an earlier release, make a new key (keygen)',
        { cause: error },
      );
    if (code === 'EEXIST')
      throw new FileError(`${path} already exists: counts are never started again; choose another folder`);
    throw new FileError(`cannot open ${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(path: string): FileError {
  return new FileError(
    `${path} is damaged, so what the secret key beside it has told is not known: put back a copy, or make a new key (keygen)`,
  );
}
