// A real Redis and a real server that speaks S3, in folders of their own. Where they are missing they are installed once: Redis
// from the system's packages, versitygw by Go into the cache of this user.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const gatewayVersion = 'v1.8.0';
/** Of the server of the tests alone. */
export const credentials = { AWS_ACCESS_KEY_ID: 'tests', AWS_SECRET_ACCESS_KEY: 'of-this-machine-alone' };

export interface Machine {
  readonly port: number;
  stop(): Promise<void>;
  /** Starts it again, at the same port, after `stop`. */
  restart(): Promise<void>;
}

/** @param settings of redis.conf, by their names */
export async function startRedis(folder: string, settings: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const all = { appendonly: 'yes', appendfsync: 'always', save: '', bind: '127.0.0.1', ...settings };
  return startListening(folder, (port) => [
    redisServer(),
    ['--port', String(port), '--dir', folder, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])],
  ]);
}

/** With one bucket, "tests". */
export async function startS3(folder: string): Promise<Machine> {
  mkdirSync(join(folder, 'objects/tests'), { recursive: true });
  const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = credentials;
  const login = ['--access', access, '--secret', secret];
  return startListening(folder, (port) => [
    gateway(),
    [
      ...login,
      '--port',
      `127.0.0.1:${port}`,
      '--quiet',
      'posix',
      '--sidecar',
      sidecarIn(folder),
      join(folder, 'objects'),
    ],
  ]);
}

/** Where what a file system may not take beside a file goes. */
function sidecarIn(folder: string): string {
  mkdirSync(join(folder, 'metadata'), { recursive: true });
  return join(folder, 'metadata');
}

/** Starts what listens at a port, and waits until it does. */
export async function startListening(
  folder: string,
  command: (port: number) => readonly [string, readonly string[]],
): Promise<Machine> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const [file, args] = command(port);
  const start = async () => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await listening(child, file, port);
    return child;
  };
  let child = await start();
  // A check that is stopped by Ctrl-C leaves nothing behind.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  return {
    port,
    stop: async () => {
      process.off('exit', end);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    restart: async () => {
      child = await start();
      process.once('exit', end);
    },
  };
}

async function listening(child: ChildProcess, file: string, port: number): Promise<void> {
  for (let tried = 0; tried < 200; tried++) {
    if (child.exitCode !== null) throw new Error(`${file} ended with code ${child.exitCode} before it listened`);
    const socket = createConnection(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`${file} does not listen at ${port}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  return port;
}

const redisServer = () => systemProgram(['valkey-server', 'redis-server'], 'redis-server');

/** One of these programs, or else that of a package of this system, which is installed. */
export function systemProgram(files: readonly string[], name: string): string {
  const known = files.find(isThere);
  if (known !== undefined) return known;
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const [file, ...args] = [...asRoot, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', name];
  try {
    execFileSync(file!, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (cause) {
    throw new Error(`these tests need ${files.join(' or ')}: install ${name} by the packages of this system`, {
      cause,
    });
  }
  // A package's program may have another name: nginx-light brings nginx.
  return files.find(isThere) ?? name;
}

function gateway(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'cipherformer/tools', `versitygw-${gatewayVersion}`);
  const file = join(folder, 'versitygw');
  if (existsSync(file)) return file;
  try {
    const environment = { ...process.env, GOBIN: folder };
    execFileSync('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${gatewayVersion}`], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] }); // biome-ignore format: short
  } catch (cause) {
    throw new Error('these tests need a server that speaks S3: install Go, which builds versitygw once', { cause });
  }
  return file;
}

function isThere(file: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  return folders.some((folder) => existsSync(join(folder, file)));
}
