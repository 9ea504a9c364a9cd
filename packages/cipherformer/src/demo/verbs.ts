import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CipherformerError } from '@cipherformer/base';

const executable = join(import.meta.dirname, '../../bin/cipherformer.js');

/** A verb that failed in its own process; its message is on stderr already. */
export class VerbError extends CipherformerError {
  override readonly name = 'VerbError';
  override readonly code = 'verb-failed';
}

/**
 * Runs a verb of this command line in a process of its own, as the client's and the server's machines would, with its
 * progress on our stderr. Returns what it printed with --json.
 */
export async function runVerb(args: readonly string[]): Promise<Record<string, unknown>> {
  const child = spawn(process.execPath, [executable, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  if (code !== 0) throw new VerbError(`cipherformer ${args[0]} ended with code ${code}; its message stands above.`);
  return JSON.parse(output) as Record<string, unknown>;
}
