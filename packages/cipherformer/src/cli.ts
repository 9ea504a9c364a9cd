import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { exitOk, exitUsage, reportError } from './terminal/errors.ts';
import { showable } from './terminal/text.ts';

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  version: string;
};

/**
 * Runs the command line and returns the process's exit code: 0, or that of the error (docs/errors.md).
 * @param security for tests: the executable accepts nothing below 128 bits, and no option or variable changes that
 */
export async function runCli(argv: readonly string[], security: SecurityOptions = {}): Promise<number> {
  const program = new Command('cipherformer')
    .description('Transformers in polynomial form, run on data that stays encrypted.')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ writeErr: (text) => process.stderr.write(showable(text)) })
    .exitOverride();
  // Anything but a verb (--help, a misspelling) needs to know them all.
  const [verb = ''] = argv;
  const asked = Object.hasOwn(commands, verb) ? [commands[verb]!] : Object.values(commands);
  for (const load of asked) (await load())(program, security);
  try {
    await program.parseAsync(['node', 'cipherformer', ...argv]);
    return typeof process.exitCode === 'number' ? process.exitCode : exitOk;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitOk : exitUsage;
    return reportError(error);
  }
}
