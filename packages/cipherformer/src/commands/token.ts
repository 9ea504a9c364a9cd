import { gib, UsageError } from '@cipherformer/base';
import { type ListedOwner, openTokens, type Tokens } from '@cipherformer/service';
import type { Command } from 'commander';
import { commandLine, typedOptions } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface TokenOptions {
  readonly data: string;
  readonly redis?: string;
  readonly json?: boolean;
  readonly delete?: boolean;
}

/** `cipherformer token add|list|revoke`: who may ask a service; also while it runs. */
export function registerToken(program: Command): void {
  const tokens = program.command('token').description('Give, list and end the tokens of a service; also while it runs');
  const verb = (usage: string, description: string) =>
    tokens
      .command(usage)
      .description(description)
      .option('--data <folder>', "the service's folder", 'cipherformer-data')
      .option('--redis <url>', 'of services on several machines, which share it')
      .option('--json', 'JSON on stdout');
  verb('add <name>', 'a token for a new owner: it is shown this once, and kept as a hash').action(add);
  verb('list', 'owners, with what they have here').action(list);
  verb('revoke <name>', 'end a token; what is its owner’s stays until it expires')
    .option('--delete', 'remove it now: a service that runs does so within a minute')
    .action(revoke);
}

async function add(name: string, { json, ...place }: TokenOptions, verb: Command): Promise<void> {
  const token = await withTokens(place, true, (tokens) => tokens.add(name));
  if (token === undefined)
    throw new UsageError(`there is a token of the name ${name} already: choose another name, or revoke that one`);
  print(json, {
    value: { name, token },
    text: token,
    next: commandLine`cipherformer token list ${typedOptions(verb)}`,
  });
}

async function list({ json, ...place }: TokenOptions, verb: Command): Promise<void> {
  const owners = await withTokens(place, false, (tokens) => tokens.list());
  const text = owners.length === 0 ? 'there are no owners yet' : owners.map(line).join('\n');
  const next = owners.length === 0 ? commandLine`cipherformer token add <name> ${typedOptions(verb)}` : undefined;
  print(json, { value: owners, text, next });
}

async function revoke(name: string, { json, delete: remove = false, ...place }: TokenOptions): Promise<void> {
  if (!(await withTokens(place, false, (tokens) => tokens.revoke(name, remove))))
    throw new UsageError(`there is no token of the name ${name}: token list shows those that there are`);
  const fate = remove
    ? 'the keys and results of its owner are removed: by a service that runs within a minute, else at its next start'
    : 'the keys and results of its owner stay until they expire';
  print(json, { value: { name, revoked: true, removed: remove }, text: `${name} opens nothing any more; ${fate}` });
}

async function withTokens<T>(
  { data, redis }: Pick<TokenOptions, 'data' | 'redis'>,
  create: boolean,
  use: (tokens: Tokens) => Promise<T>,
): Promise<T> {
  const tokens = await openTokens(redis === undefined ? { data } : { redis }, { create });
  try {
    return await use(tokens);
  } finally {
    tokens.close();
  }
}

function line({ id, kind, name, created, keysets, bytes, jobs }: ListedOwner): string {
  const nobody = { local: 'this machine', open: `a stranger (${id.slice(0, 8)})`, token: `a token that was ended (${id.slice(0, 8)})` }; // biome-ignore format: short
  const who = name ?? nobody[kind];
  return `${who}: since ${created.slice(0, 10)}, ${keysets} key sets, ${gib(bytes)}, ${jobs} jobs`;
}
