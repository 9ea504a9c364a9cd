import { BootstrapPlan, bootstrapLiteral, keyMemoryBytes, Parameters } from '@cipherformer/ckks';
import { type Compiled, compile, explain, predict } from '@cipherformer/compiler';
import type { PolynomialGraph } from '@cipherformer/model';
import type { ConversionRecipe, ModelConfig } from '@cipherformer/nn';
import { planProgram } from '@cipherformer/runtime';
import { randomModel } from './random-model.ts';

/** What an encrypted program costs, predicted from its plan at full security. */
export interface PlanFigures {
  /** Inputs computed at once. */
  readonly batch: number;
  readonly tokens: number;
  /** Ciphertexts refreshed; pairs count as two. */
  readonly bootstraps: number;
  readonly rotations: number;
  /** Diagonals, masks and biases encoded. */
  readonly plaintexts: number;
  readonly keyBytes: number;
  readonly peakBytes: number;
  readonly cpuSeconds: number;
  readonly cpuSecondsPerInput: number;
}

export function figuresOf({ tokens }: PolynomialGraph, { program, machine, batch }: Compiled): PlanFigures {
  const parameters = Parameters.from(bootstrapLiteral());
  const { rotations, plaintexts, bootstraps } = explain(program, machine).total;
  const planned = planProgram(program, new BootstrapPlan(parameters));
  const keyBytes = keyMemoryBytes(parameters, planned.keyPlan.specs);
  const { cpuSeconds, peakBytes } = predict(planned);
  const counts = { bootstraps, rotations, plaintexts, keyBytes, peakBytes };
  return { batch, tokens, ...counts, cpuSeconds, cpuSecondsPerInput: cpuSeconds / batch };
}

/**
 * What the encrypted program of a model will cost, before it is converted: of its shape, with random weights and polynomials
 * of the largest degrees that the recipe allows. Cost: a compilation, seconds for small models.
 */
export function predictedPlan(config: ModelConfig, recipe: ConversionRecipe, tokens: number | undefined): PlanFigures {
  const changes = recipe.stages.flatMap(({ change }) => (change ? [change] : []));
  const degrees = (of: 'attention' | 'mlp') =>
    Math.max(2, ...changes.flatMap((change) => (change.kind === 'substitute' ? (change[of] ?? []) : [])));
  const { graph } = randomModel(
    {
      title: recipe.name,
      config,
      ...(tokens === undefined ? {} : { tokens }),
      mapDegree: degrees('attention'),
      activationDegree: degrees('mlp'),
      norms: changes.some(({ kind }) => kind === 'freeze-norms') ? 'folded' : 'full',
    },
    1,
  );
  return figuresOf(graph, compile(graph));
}
