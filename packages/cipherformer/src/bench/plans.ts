import { setImmediate } from 'node:timers/promises';
import { gib, type OnProgress, UsageError } from '@cipherformer/base';
import { compile, compileForThroughput } from '@cipherformer/compiler';
import type { PolynomialGraph } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import { figuresOf, type PlanFigures } from '../shapes/plan-figures.ts';
import { randomModel } from '../shapes/random-model.ts';
import { modelShapes, type ShapeName, shapeNames } from '../shapes/shapes.ts';
import { renderTable } from '../terminal/table.ts';

/** What a program of a model would cost. */
export type PlanRow = PlanFigures & { readonly model: string };

/** Which models are planned. */
export interface PlanBenchOptions {
  /** Names of shapes, or folders of polynomial models. Default: all shapes. */
  readonly models?: readonly string[];
  /** Also the batch that makes the time of one input the least. */
  readonly throughput?: boolean;
  readonly progress?: OnProgress;
  /** Looked at between the models. */
  readonly signal?: AbortSignal;
}

/**
 * What the encrypted programs of models would cost at full security, without making a key or training one.
 * Cost: a compilation each, seconds to minutes. @throws UsageError for a name that is neither a shape nor a folder; the signal's reason
 */
export async function benchPlans(options: PlanBenchOptions = {}): Promise<PlanRow[]> {
  const { models = shapeNames, throughput = false, progress, signal } = options;
  const total = models.length;
  const rows: PlanRow[] = [];
  for (const [done, name] of models.entries()) {
    progress?.({ what: 'bench plans', done, total, detail: name });
    await setImmediate();
    signal?.throwIfAborted();
    const { title, graph } = graphOf(name);
    const one = compile(graph);
    const compiled = throughput ? [one, compileForThroughput(graph)] : [one];
    // Where one input at a time is as good as it gets, one line says so.
    const distinct = compiled.filter(({ batch }, k) => k === 0 || batch > 1);
    rows.push(...distinct.map((program) => ({ model: title, ...figuresOf(graph, program) })));
  }
  progress?.({ what: 'bench plans', done: total, total });
  return rows;
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

/** The plans for a person. */
export function planTable(rows: readonly PlanRow[]): string {
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
