import { gib, UsageError } from '@cipherformer/base';
import { compile, compileForThroughput } from '@cipherformer/compiler';
import type { PolynomialGraph } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import type { Command } from 'commander';
import { figuresOf, type PlanFigures } from '../shapes/plan-figures.ts';
import { randomModel } from '../shapes/random-model.ts';
import { modelShapes, type ShapeName, shapeNames } from '../shapes/shapes.ts';
import { startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface BenchPlansOptions {
  readonly throughput?: boolean;
  readonly json?: boolean;
}

/** A line of the table. */
type Row = PlanFigures & { readonly model: string };

/** `cipherformer bench plans`: what the encrypted programs of models would cost, without making a key or training one. */
export function registerBenchPlans(bench: Command): void {
  bench
    .command('plans')
    .description('Predicted cost of encrypted programs at full security, for large models by their shape alone')
    .argument(
      '[models...]',
      `names of shapes (${shapeNames.join(', ')}) or folders of polynomial models; default: all shapes`,
    )
    .option('--throughput', 'also the batch that makes the time of one input the least')
    .option('--json', 'JSON on stdout')
    .action(benchPlans);
}

function benchPlans(models: readonly string[], { throughput = false, json }: BenchPlansOptions): void {
  const names = models.length > 0 ? models : shapeNames;
  const bar = startBar('bench plans', names.length);
  const rows = names.flatMap((name, i) => {
    bar.update(i, name);
    const { title, graph } = graphOf(name);
    const one = compile(graph);
    const compiled = throughput ? [one, compileForThroughput(graph)] : [one];
    // Where one input at a time is as good as it gets, one line says so.
    const distinct = compiled.filter(({ batch }, k) => k === 0 || batch > 1);
    return distinct.map((program) => ({ model: title, ...figuresOf(graph, program) }));
  });
  bar.update(names.length, 'done');
  bar.stop();
  process.stdout.write(json ? `${JSON.stringify(rows)}\n` : `${table(rows)}\n`);
}

/** @throws UsageError for a name that is neither a shape nor a folder */
function graphOf(name: string): { readonly title: string; readonly graph: PolynomialGraph } {
  if (Object.hasOwn(modelShapes, name)) {
    const shape = modelShapes[name as ShapeName];
    // Plans depend on shapes, not on weights: any seed gives the same.
    return { title: shape.title, graph: randomModel(shape, 1).graph };
  }
  if (!isPolynomialModel(name))
    throw new UsageError(`"${name}" is no shape (${shapeNames.join(', ')}) and no folder of a polynomial model.`);
  const { card, graph } = loadPolynomialModel(name);
  return { title: card.name, graph };
}

function table(rows: readonly Row[]): string {
  const head = ['model', 'tokens', 'inputs at once', 'bootstraps', 'rotations', 'plaintexts', 'keys', 'memory', 'processor s', 's an input']; // biome-ignore format: a row
  return renderTable(
    head,
    rows.map((row) => [
      row.model,
      row.tokens,
      row.batch,
      row.bootstraps,
      row.rotations,
      row.plaintexts,
      gib(row.keyBytes),
      gib(row.peakBytes),
      row.cpuSeconds.toFixed(1),
      row.cpuSecondsPerInput.toFixed(2),
    ]),
  );
}
