import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { startsLikeSecretKey } from '@cipherformer/ckks/secret-start';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { StartError } from './problem.ts';

export interface StaticFile {
  /** Path inside the folder, with "/" between folders. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly sha256: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/**
 * The regular files below a folder, listed and hashed when it is opened. Only what is on the list is ever read, so no
 * request can name a file outside, and links are not followed.
 */
export class StaticFolder {
  readonly #files: Map<string, StaticFile>;

  private constructor(files: Map<string, StaticFile>) {
    this.#files = files;
  }

  /**
   * @param only names of the files to serve. Default: all. Nothing else in the folder is read or told of.
   * @throws StartError for a name that is not there and for a file that is a secret key; errors of the file system
   */
  static async open(folder: string, only?: readonly string[]): Promise<StaticFolder> {
    const files = new Map<string, StaticFile>();
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const name = relative(folder, path).split(sep).join('/');
      if (only === undefined || only.includes(name)) files.set(name, await describe(name, path));
    }
    const missing = only?.find((name) => !files.has(name));
    if (missing !== undefined)
      throw new StartError(`${folder} has no file ${missing}: put it back, or write the folder again`);
    return new StaticFolder(files);
  }

  get files(): StaticFile[] {
    return [...this.#files.values()];
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** Answers with a file that is on the list, or 304 to who has it already. */
  async send(name: string, request: FastifyRequest, reply: FastifyReply, cacheControl: string): Promise<FastifyReply> {
    const file = await this.#current(name);
    const etag = `"${file.sha256}"`;
    reply.header('etag', etag).header('cache-control', cacheControl);
    const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    if (known?.includes(etag) || known?.includes('*')) return reply.code(304).send();
    reply.type(types[extname(name)] ?? 'application/octet-stream').header('content-length', file.bytes);
    return reply.send(file.bytes === 0 ? '' : createReadStream(file.path, { end: file.bytes - 1 }));
  }

  /** The file, hashed again if it was written since. */
  async #current(name: string): Promise<StaticFile> {
    const known = this.#files.get(name)!;
    const { size, mtimeMs } = await stat(known.path);
    if (size === known.bytes && mtimeMs === known.modifiedMs) return known;
    const file = await describe(name, known.path);
    this.#files.set(name, file);
    return file;
  }
}

async function describe(name: string, path: string): Promise<StaticFile> {
  const { size, mtimeMs } = await stat(path);
  const hash = createHash('sha256');
  let first = true;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    if (first && startsLikeSecretKey(chunk))
      throw new StartError(`${path} is a secret key and would be given to everybody: move it out of this folder`);
    first = false;
    hash.update(chunk);
  }
  return { name, path, bytes: size, modifiedMs: mtimeMs, sha256: hash.digest('hex') };
}
