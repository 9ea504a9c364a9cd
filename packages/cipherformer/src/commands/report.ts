import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '@cipherformer/model/files';
import { judgeTargets } from '@cipherformer/nn';
import type { Command } from 'commander';
import { readReportSource, reportFigures, writeConversionReport } from '../report/conversion.ts';
import { commandLine } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';

interface ReportCommandOptions {
  readonly out?: string;
  readonly figures?: string;
  readonly json?: boolean;
}

/** `cipherformer report <folder>`: the report page of a finished conversion, made again from its conversion.json. */
export function registerReport(program: Command): void {
  program
    .command('report')
    .description('Make the report page of a finished conversion (convert does so at its end)')
    .argument('<folder>', 'folder with conversion.json')
    .option('--out <file>', 'page to write (default: <folder>/report.html)')
    .option('--figures <folder>', 'also write every figure as an SVG file')
    .option('--json', 'one JSON object on stdout')
    .action(async (folder: string, options: ReportCommandOptions) => {
      const source = readReportSource(folder);
      const path = options.out ?? join(folder, 'report.html');
      await writeConversionReport(source, path);
      const figures: string[] = [];
      if (options.figures !== undefined) {
        mkdirSync(options.figures, { recursive: true });
        for (const [name, svg] of await reportFigures(source)) {
          figures.push(join(options.figures, `${name}.svg`));
          writeAtomically(figures.at(-1)!, svg);
        }
      }
      print(options.json, {
        value: { path, figures, targets: judgeTargets(source.record) },
        text: [path, ...figures].join('\n'),
        next: commandLine`cipherformer compile ${folder} --out program`,
      });
    });
}
