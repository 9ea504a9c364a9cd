// Files over HTTP, with the headers that a test is about.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const types: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  wasm: 'application/wasm',
};

export interface FileServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface FileServerOptions {
  readonly headers?: () => Record<string, string>;
  /** Text in the place of a file, by its path. */
  readonly instead?: (path: string) => string | undefined;
}

/** Serves folders on this machine: by the first part of a path where that names one, the rest from ''. */
export async function serveFiles(
  folders: Readonly<Record<string, string>>,
  { headers = () => ({}), instead }: FileServerOptions = {},
): Promise<FileServer> {
  const server = createServer(({ url = '/' }, response) => {
    const path = new URL(url, 'http://localhost').pathname.replace(/\/$/, '/index.html').slice(1);
    const [first = '', ...rest] = path.split('/');
    const file = first in folders ? join(folders[first]!, ...rest) : join(folders['']!, path);
    const text = instead?.(path) ?? (existsSync(file) ? readFileSync(file) : undefined);
    const type = types[path.split('.').at(-1)!] ?? 'application/octet-stream';
    response.writeHead(text === undefined ? 404 : 200, { ...headers(), 'content-type': type }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
