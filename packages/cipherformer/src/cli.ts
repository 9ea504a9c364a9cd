import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { CommanderError } from 'commander';
import { commands, groups } from './commands/index.ts';
import { exitOk, reportError } from './terminal/errors.ts';
import { endingOnInterrupt } from './terminal/interrupt.ts';
import { showable } from './terminal/text.ts';
import { Verb } from './terminal/verb.ts';

const firstStep = `
First step: npx cipherformer demo, the whole way on three pictures in some minutes.
Then with a model of your own: predict, convert, compile, keygen, encrypt, run, decrypt; each names the next.`;

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  version: string;
};

/**
 * Runs the command line and returns the process's exit code: 0, or that of the error (docs/errors.md).
 * @param security for tests: the executable accepts nothing below 128 bits, and no option or variable changes that
 */
export async function runCli(argv: readonly string[], security: SecurityOptions = {}): Promise<number> {
  const program = new Verb('cipherformer', argv)
    .description('Transformers in polynomial form, run on data that stays encrypted.')
    .version(version)
    .addHelpText('after', firstStep)
    // What is wrong with a command line is reported below, as all else.
    .configureOutput({ writeErr: (text) => process.stderr.write(showable(text)), outputError: () => {} })
    .exitOverride();
  // Anything but a verb (--help, a misspelling) needs to know them all.
  const [verb = ''] = argv;
  const asked = Object.hasOwn(commands, verb) ? [verb] : Object.keys(commands);
  for (const name of asked) {
    (await commands[name]!())(program, security);
    program.commands.at(-1)!.helpGroup(groups[name]!);
  }
  const end = (error: unknown) => process.exit(reportError(error, argv));
  try {
    await endingOnInterrupt(end, () => program.parseAsync(['node', 'cipherformer', ...argv]));
    return typeof process.exitCode === 'number' ? process.exitCode : exitOk;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, argv);
    if (error.exitCode === 0) return exitOk;
    // Without a verb the help was shown.
    const message = error.code === 'commander.help' ? 'give a verb' : error.message.replace(/^error: /, '');
    return reportError(new UsageError(message, { hint: 'add --help for the options' }), argv);
  }
}
