import { existsSync } from 'node:fs';
import type { SecurityOptions } from '@cipherformer/ckks';
import { vi } from 'vitest';
import { runCli } from '../../src/cli.ts';

/** Runs the command line as the executable does, in this process, and gives what it printed and its exit code. */
export const cli = (...argv: string[]) => captured(argv, {});

/** The same for programs on insecure rings, which only a caller's own code can accept. */
export const insecureCli = (...argv: string[]) => captured(argv, { insecure: true });

/** The same, with Ctrl-C as soon as `file` is there. */
export async function interruptedCli(file: string, ...argv: string[]) {
  const watch = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(watch);
    process.emit('SIGINT');
  }, 5);
  try {
    return await cli(...argv);
  } finally {
    clearInterval(watch);
  }
}

async function captured(argv: readonly string[], security: SecurityOptions) {
  const written = { out: '', err: '' };
  const spy = (stream: NodeJS.WriteStream, key: 'out' | 'err') =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      written[key] += String(chunk);
      return true;
    });
  const spies = [spy(process.stdout, 'out'), spy(process.stderr, 'err')];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    return { code: await runCli(argv, security), ...written };
  } finally {
    process.exitCode = before;
    for (const one of spies) one.mockRestore();
  }
}
