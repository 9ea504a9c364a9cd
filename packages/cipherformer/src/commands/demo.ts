import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { Command } from 'commander';
import pc from 'picocolors';
import { demoPaths } from '../demo/folder.ts';
import { demoPage } from '../demo/page.ts';
import type { DemoResult } from '../demo/result.ts';
import { type DemoVoice, runDemo } from '../demo/run.ts';
import { demoTables } from '../demo/tables.ts';
import { commandLine } from '../terminal/command-line.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';
import { type Stages, startStages } from '../terminal/progress.ts';

interface DemoCommandOptions {
  readonly images: number;
  readonly out: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** `cipherformer demo`: the main job end to end, on real images, at full security. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Ask a vision transformer about encrypted digits: convert, compile, make keys, encrypt, run, decrypt')
    .option('--images <n>', 'test images to ask about', positiveInteger, 3)
    .option('--out <folder>', 'where the program, the keys, the ciphertexts and the report go', 'demo')
    .option('--keep', 'keep keys and ciphertexts (gigabytes); default: only the report stays')
    .option('--json', 'the result as JSON on stdout')
    .action(demo);
}

async function demo({ images, out, keep = false, json }: DemoCommandOptions): Promise<void> {
  if (existsSync(join(out, 'program')))
    throw new UsageError(`${out} holds the files of an earlier demo: delete it, or choose another --out.`);
  // Keys and ciphertexts are gigabytes: they go however this ends.
  const clear = () => {
    for (const part of ['conversion', ...(keep ? [] : ['program', 'keys', 'data'])])
      rmSync(join(out, part), { recursive: true, force: true });
  };
  // Whatever ends the process, an interruption too.
  process.once('exit', clear);
  const stages = startStages();
  try {
    finish(await runDemo({ images, out, tell: voice(stages) }), out, json);
  } finally {
    stages.stop();
    process.removeListener('exit', clear);
    clear();
  }
}

/** Writes the report and shows the result. */
function finish(result: DemoResult, out: string, json: boolean | undefined): void {
  const report = join(out, 'report.html');
  writeFileSync(report, demoPage(result));
  const { images, missing } = result;
  const wrong = images.filter(({ agrees }) => !agrees).length;
  if (missing !== undefined) note(`Also the original model, and the live piece of the conversion: ${missing}`);
  print(json, {
    value: result,
    text: () => `${demoTables(result)}\nreport: ${report}`,
    next: commandLine`cipherformer serve ${demoPaths().polynomial} (draw a digit in a browser)`,
    shortfall:
      wrong > 0 ? `${wrong} of ${images.length} encrypted answers are not those of the model in clear.` : undefined,
  });
}

const voice = ({ update, note }: Stages): DemoVoice => ({
  say: (...lines) => note(lines.join('\n')),
  step: (number, what) => note(`\n${pc.bold(`${number}. ${what}`)}`),
  note: (text) => note(`   ${text}`),
  progress: update,
});
