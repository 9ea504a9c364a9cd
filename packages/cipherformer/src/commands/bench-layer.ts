import { type Command, Option } from 'commander';
import { benchLayer, layerShortfall, layerTable } from '../bench/layer.ts';
import { type ShapeName, shapeNames } from '../shapes/shapes.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly shape: ShapeName;
  readonly layers: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** `cipherformer bench layer`: layers of a model's shape, encrypted, against the same in clear. */
export function registerBenchLayer(bench: Command): void {
  bench
    .command('layer')
    .description('Run a layer of a large model (random weights) encrypted, and compare it with the clear one')
    .addOption(new Option('--shape <name>', 'the model').choices(shapeNames).default('paper-lm'))
    .option('--layers <n>', 'how many layers, and the head', positiveInteger, 1)
    .option('--seed <n>', 'of weights and input', seedNumber, 1)
    .option('--json', 'JSON on stdout')
    .action(async ({ json, ...options }: Options) => {
      const report = await withStages('stopping after this instruction; nothing is kept', (signal, { update }) =>
        benchLayer({ ...options, progress: update, signal }),
      );
      print(json, { value: report, text: () => layerTable(report), shortfall: layerShortfall(report) });
    });
}
