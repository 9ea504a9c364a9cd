import { ConfigError, ShapeError } from './errors.ts';
import type { PolynomialGraph } from './graph/graph.ts';
import { valueShapes } from './graph/shapes.ts';
import {
  checkPreparation,
  type ImagePreprocess,
  type Problem,
  type Task,
  type TextPreprocess,
} from './inputs/preprocess.ts';

/** A model that runs on encrypted input, with all that its client needs: everything in it is public. */
export interface PolynomialModel {
  readonly task: Task;
  /** What the outputs are; absent where they choose one class, or the task says it. */
  readonly problem?: Problem;
  readonly graph: PolynomialGraph;
  readonly preprocess: ImagePreprocess | TextPreprocess;
  /** Names of the outputs. */
  readonly classes?: readonly string[];
  /** Texts of the outputs in the place of names: of a search, whose outputs are scores of documents. */
  readonly documents?: readonly string[];
  readonly card: ModelCard;
}

/** Facts for people, printed in the model's README.md and by inspect. */
export interface ModelCard {
  readonly name: string;
  readonly description?: string;
  /** What it was trained, calibrated and measured on. */
  readonly data?: string;
  /** The metric at each stage of the conversion. */
  readonly stages?: readonly { readonly stage: string; readonly metric: string; readonly value: number }[];
  /** What polynomials stand for, by node. */
  readonly sites?: readonly SiteFacts[];
  /** Factor between the largest value seen in calibration and the bounds of the graph. */
  readonly margin?: number;
}

export interface SiteFacts {
  readonly name: string;
  readonly function: string;
  /** Largest error on the interval. */
  readonly error?: number;
}

/**
 * Checks that the graph is well formed and that the client's preparation makes the inputs it takes.
 * @throws ShapeError or ConfigError, `where` first
 */
export function checkPolynomialModel(model: PolynomialModel, where: string): void {
  const { graph, classes, documents } = model;
  const shapes = valueShapes(graph);
  const inputs = new Map(
    graph.nodes.flatMap((node, i) => (node.op === 'input' ? [[node.name, shapes[i]!.columns]] : [])),
  );
  const made = checkPreparation(model, where);
  for (const [name, features] of inputs) {
    if (made.get(name) === features) continue;
    throw new ShapeError(
      `${where}: the graph takes an input "${name}" of ${features} features, preprocess makes ` +
        `${made.has(name) ? `${made.get(name)}` : 'none'}.`,
    );
  }
  const { rows, columns: outputs } = shapes[graph.output]!;
  const wanted = model.task === 'token-classification' ? graph.tokens : 1;
  if (rows !== wanted)
    throw new ShapeError(
      `${where}: the output has ${rows} rows where the task ${model.task} needs [${wanted}, outputs].`,
    );
  if (model.problem && !model.task.endsWith('classification'))
    throw new ConfigError(`${where}: the problem ${model.problem} does not go with the task ${model.task}.`);
  if (classes && classes.length !== outputs) {
    throw new ShapeError(`${where}: ${classes.length} classes are named for ${outputs} outputs.`);
  }
  if (documents && (classes || documents.length !== outputs)) {
    throw new ShapeError(
      `${where}: ${documents.length} documents for ${outputs} outputs${classes ? ' that have names of classes, too' : ''}.`,
    );
  }
}
