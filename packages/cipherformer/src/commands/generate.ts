import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import { serverFolder } from '@cipherformer/runtime/server';
import { type Command, InvalidArgumentError } from 'commander';
import { connect } from '../door/connect.ts';
import { generateClear } from '../evaluate/generate-clear.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize, positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { formatSeconds, startStages } from '../terminal/progress.ts';

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
    .option('--temperature <t>', 'how freely they are drawn; 0 takes the most likely', temperature, 0)
    .option('--top-k <n>', 'draw from so many most likely ones only', positiveInteger)
    .option('--seed <n>', 'of what is drawn', seedNumber, 1)
    .option('--secret <file>', 'the secret key, made there where it is not (default: one that ends with the command)')
    .option('--program <digest>', 'the program to ask, by the beginning of its digest, where several are served')
    .option('--max-key-bytes <size>', 'most that the evaluation keys may take (default: 4GiB)', byteSize)
    .option('--clear', 'without encryption: what the polynomial model goes on with, to compare')
    .option('--json', 'one JSON object on stdout')
    .action((where: string, prompt: string, options: GenerateCommandOptions) =>
      options.clear ? generateInClear(where, prompt, options) : generate(where, prompt, options, security),
    ); // biome-ignore format: options
}

function generateInClear(where: string, prompt: string, options: GenerateCommandOptions): void {
  const inProgram = join(where, serverFolder);
  const model = loadPolynomialModel(!isPolynomialModel(where) && existsSync(inProgram) ? inProgram : where);
  const { topK, ...rest } = options;
  const { ids, text } = generateClear(model, prompt, { ...rest, ...(topK === undefined ? {} : { topK }) });
  print(options.json, { value: { prompt, text, ids, encrypted: false }, text: `${prompt}${text}` });
}

async function generate(
  where: string,
  prompt: string,
  { tokens, temperature, topK, seed, secret, program, maxKeyBytes, json }: GenerateCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const started = performance.now();
  await interruptible('stopping after this step; whoever runs the program sees that it was stopped', async (signal) => {
    const show = startStages();
    try {
      await using connection = await connect(where, {
        ...security,
        generation: true,
        signal,
        progress: show.update,
        ...(secret === undefined ? {} : { secret }),
        ...(program === undefined ? {} : { program }),
        ...(maxKeyBytes === undefined ? {} : { maxKeyBytes }),
      });
      const drawing = { tokens, temperature, seed, ...(topK === undefined ? {} : { topK }) };
      const generation = connection.generate(prompt, { ...drawing, signal, progress: show.update });
      if (!json) process.stdout.write(prompt);
      for (;;) {
        const { done, value } = await generation.next();
        if (!done) {
          if (!json) process.stdout.write(value.text);
          continue;
        }
        show.stop();
        const seconds = (performance.now() - started) / 1000;
        if (!json) process.stdout.write('\n');
        process.stderr.write(`${said[value.reason]}; ${formatSeconds(seconds)}, keys included\n`);
        if (json) print(json, { value: { prompt, ...value, encrypted: true, seconds }, text: '' });
        return;
      }
    } finally {
      show.stop();
    }
  });
}

const said = {
  length: 'all tokens that were asked for',
  end: 'the model ended its text before; the rest was padding, so that nobody saw where',
  'out-of-range': 'a value left the range that the model is made for; what follows would be no answer',
} as const;

/** @throws InvalidArgumentError for what is no number from 0 on */
function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number from 0 on: 0, 0.8, 1.');
}
