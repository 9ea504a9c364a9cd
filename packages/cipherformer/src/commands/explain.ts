import { writeFile } from 'node:fs/promises';
import type { SecurityOptions } from '@cipherformer/ckks';
import { explain, openProgram } from '@cipherformer/compiler';
import type { Command } from 'commander';
import { planPage } from '../program/plan-page.ts';
import { layerTable, partTable } from '../program/plan-tables.ts';
import { describeProgram } from '../program/summary.ts';
import { commandLine } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';

interface ExplainOptions {
  readonly html?: string;
  readonly layers?: boolean;
  readonly json?: boolean;
}

/** `cipherformer explain <program>`: the plan, part by part. */
export function registerExplain(program: Command, security: SecurityOptions): void {
  program
    .command('explain')
    .description('Show the plan of a program: levels, rotations, bootstraps and predicted seconds of every part')
    .argument('<program>', 'folder of a program')
    .option('--html <file>', 'also write a page with a picture of the levels')
    .option('--layers', 'one line a layer instead of one a part')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: ExplainOptions) => explainProgram(path, options, security));
}

async function explainProgram(
  path: string,
  { html, layers, json }: ExplainOptions,
  security: SecurityOptions,
): Promise<void> {
  const { manifest, parameters, program: encrypted, compiled } = await openProgram(path, security);
  const plan = explain(encrypted, compiled.machine);
  if (html !== undefined) await writeFile(html, planPage(manifest, parameters, plan));
  const { digest, batch } = manifest;
  const { rows, total } = plan;
  print(json, {
    value: { program: digest, batch, secondsPerInput: total.seconds / batch, rows, layers: Object.fromEntries(plan.layers), total }, // biome-ignore format: short
    text: () => `${describeProgram(manifest, parameters)}\n${layers ? layerTable(plan) : partTable(plan)}`,
    next: commandLine`cipherformer keygen ${path} --out keys`,
  });
}
