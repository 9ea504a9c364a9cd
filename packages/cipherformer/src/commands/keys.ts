import { rm } from 'node:fs/promises';
import { UsageError } from '@cipherformer/base';
import { MissingFileError } from '@cipherformer/model';
import type { Command } from 'commander';
import { keptKeys, keysRoot } from '../program/kept-keys.ts';
import { commandLine } from '../terminal/command-line.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';

/** `cipherformer keys`: the secret keys that `query` made and kept. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('List or remove the secret keys that query keeps in your home');
  keys
    .command('list', { isDefault: true })
    .description('Show the secret keys that query keeps')
    .option('--json', 'JSON on stdout')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const kept = await keptKeys();
      const rows = kept.map(({ name, made, folder }) => [name, made.slice(0, 10), folder]);
      const text =
        kept.length === 0 ? `no secret keys are kept in ${keysRoot()}` : renderTable(['key', 'made', 'folder'], rows);
      print(json, { value: { folder: keysRoot(), keys: kept }, text, next: commandLine`cipherformer query <url> (makes and uses them)` }); // biome-ignore format: short
    });
  keys
    .command('remove')
    .description('Erase a secret key that query keeps: what was encrypted with it can then be decrypted by nobody')
    .argument('<key>', 'its name, as keys list shows it')
    .option('--yes', 'without a question')
    .option('--json', 'JSON on stdout')
    .action(removeKey);
}

async function removeKey(
  name: string,
  { yes, json }: { readonly yes?: boolean; readonly json?: boolean },
): Promise<void> {
  const kept = await keptKeys();
  const found = kept.find((key) => key.name === name);
  if (!found)
    throw new MissingFileError(
      `no secret key ${name} is kept in ${keysRoot()}: there ${kept.length === 1 ? 'is' : 'are'} ${kept.map((key) => key.name).join(', ') || 'none'}`,
    );
  if (!yes) {
    if (!canAsk()) throw new UsageError(`give --yes to erase the key ${name} without a question`);
    if (!(await confirm(`Erase ${found.folder}? What it encrypted can then be decrypted by nobody.`)))
      throw new UsageError('nothing was removed');
  }
  await rm(found.folder, { recursive: true });
  print(json, { value: { removed: found }, text: `removed ${found.folder}` });
}
