import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { given } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import { serverFolder } from '@cipherformer/runtime/server';
import type { Command } from 'commander';
import { connect } from '../door/connect.ts';
import { generateClear } from '../evaluate/generate-clear.ts';
import { commandLine, typedAgain } from '../terminal/command-line.ts';
import { byteSize, nonNegativeNumber, positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { withStages } from '../terminal/with-stages.ts';

interface GenerateCommandOptions {
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly seed: number;
  readonly secret?: string;
  readonly program?: string;
  readonly maxKeyBytes?: number;
  readonly clear?: boolean;
  readonly json?: boolean;
}

/** `cipherformer generate <program> <prompt>`: an encrypted prompt, and what a language model goes on with, token by token. */
export function registerGenerate(program: Command, security: SecurityOptions): void {
  program
    .command('generate')
    .description('Have a language model go on with an encrypted prompt, token by token')
    .argument('<program>', 'address of a service, folder of a program compiled with --generation, or of a polynomial model')
    .argument('<prompt>', 'how the text begins')
    .option('--tokens <n>', 'tokens that follow: so many are asked for, whatever they are', positiveInteger, 32)
    .option('--temperature <t>', 'how freely they are drawn; 0 takes the most likely', nonNegativeNumber, 0)
    .option('--top-k <n>', 'draw from so many most likely ones only', positiveInteger)
    .option('--seed <n>', 'of what is drawn', seedNumber, 1)
    .option('--secret <file>', 'the secret key, made there where it is not (default: one that ends with the command)')
    .option('--program <name>', 'the program to ask where several are served: its name, or the beginning of its digest')
    .option('--max-key-bytes <size>', 'most that the evaluation keys may take (default: 4GiB)', byteSize)
    .option('--clear', 'without encryption: what the polynomial model goes on with, to compare')
    .option('--json', 'one JSON object on stdout')
    .action((where: string, prompt: string, options: GenerateCommandOptions, verb: Command) =>
      options.clear ? generateInClear(where, prompt, options) : generate(where, prompt, options, verb, security),
    ); // biome-ignore format: options
}

function generateInClear(where: string, prompt: string, options: GenerateCommandOptions): void {
  const inProgram = join(where, serverFolder);
  const model = loadPolynomialModel(!isPolynomialModel(where) && existsSync(inProgram) ? inProgram : where);
  const { inRange, ...written } = generateClear(model, prompt, options);
  print(options.json, {
    value: { prompt, ...written, inRange, encrypted: false },
    text: `${prompt}${written.text}`,
    shortfall: inRange ? undefined : leftRange,
  });
}

async function generate(
  where: string,
  prompt: string,
  { tokens, temperature, topK, seed, secret, program, maxKeyBytes, json }: GenerateCommandOptions,
  verb: Command,
  security: SecurityOptions,
): Promise<void> {
  const started = performance.now();
  const stopping = 'stopping after this step; whoever runs the program sees that it was stopped';
  const end = await withStages(stopping, async (signal, { update: progress }) => {
    await using connection = await connect(where, {
      ...{ ...security, generation: true, signal, progress },
      ...given({ secret, program, maxKeyBytes }),
    });
    const drawing = { tokens, temperature, seed, ...given({ topK }) };
    const generation = connection.generate(prompt, { ...drawing, signal, progress });
    if (!json) process.stdout.write(prompt);
    for (;;) {
      const { done, value } = await generation.next();
      if (done) return value;
      if (!json) process.stdout.write(value.text);
    }
  });
  if (!json) process.stdout.write('\n');
  const seconds = (performance.now() - started) / 1000;
  note(`${said[end.reason]}; ${formatSeconds(seconds)}, keys included`);
  print(json, {
    value: { prompt, ...end, encrypted: true, seconds },
    text: '',
    next: /^https?:/i.test(where)
      ? undefined
      : typedAgain(verb, ['--secret', '--max-key-bytes'], commandLine`--clear (to compare)`),
    shortfall: end.reason === 'out-of-range' ? leftRange : undefined,
  });
}

const leftRange = 'a value left the range that the model is made for: the text ends where there is no answer any more';

const said = {
  length: 'all tokens that were asked for',
  end: 'the model ended its text before; the rest was padding, so that nobody saw where',
  'out-of-range': 'fewer tokens than were asked for',
} as const;
