import { vi } from 'vitest';
import { runCli } from '../../src/cli.ts';

/** Runs the command line in this process and gives what it printed and its exit code. */
export async function cli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
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
    return { code: await runCli(argv), ...written };
  } finally {
    process.exitCode = before;
    for (const one of spies) one.mockRestore();
  }
}
