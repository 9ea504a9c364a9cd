import { type GraphInputs, PolynomialEvaluator, type PolynomialGraph } from '@cipherformer/model';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import type { Compiled } from '../../src/passes/compile.ts';
import type { CipherTensor } from '../../src/passes/groups.ts';
import { refreshTolerance } from '../../src/passes/refresh-check.ts';
import { tolerance } from '../../src/passes/sentinel.ts';

/** The largest |t| of the arguments of all polynomials, t in [-1, 1] being in range, by evaluating the graph in clear. */
export function furthest(graph: PolynomialGraph, inputs: GraphInputs): number {
  let most = 0;
  new PolynomialEvaluator(graph).run(inputs, (i, values) => {
    for (const node of graph.nodes) {
      if (node.op !== 'polynomial' || node.input !== i) continue;
      const [lo, hi] = node.program.interval;
      for (const value of values) {
        const t = Math.abs((2 * value - lo - hi) / (hi - lo));
        most = Number.isNaN(t) ? Number.POSITIVE_INFINITY : Math.max(most, t);
      }
    }
  });
  return most;
}

/** One ciphertext that a program refreshes. */
export interface Refreshed {
  readonly tensor: CipherTensor;
  /** Which ciphertext of the tensor. */
  readonly ciphertext: number;
}

/** The ciphertexts that bootstraps refresh, in the order of their results, but arguments of polynomials. */
export function refreshedValues({ lowered, placement }: Compiled): Refreshed[] {
  return refreshedCiphertexts(lowered, placement).filter(({ tensor }) => !tensor.argument);
}

function refreshedCiphertexts({ tensors }: Compiled['lowered'], { refreshed }: Compiled['placement']): Refreshed[] {
  return refreshed.flat().flatMap((number) => {
    const tensor = tensors[number]!;
    return Array.from({ length: tensor.ciphertexts }, (_, ciphertext) => ({ tensor, ciphertext }));
  });
}

/** The slots of all refreshed ciphertexts on clear slots, before they are refreshed. */
export function slotsRefreshed(
  { program, lowered, placement }: Compiled,
  inputs: GraphInputs,
): (Refreshed & { readonly values: Float64Array })[] {
  const slots: Float64Array[] = [];
  runClear(program, packInputs(program, inputs), {
    observe: (_, { op }, results) => {
      if (op === 'bootstrap') slots.push(...results.map((values) => values.slice()));
    },
  });
  return refreshedCiphertexts(lowered, placement).map((one, i) => ({ ...one, values: slots[i]! }));
}

/** The largest |x| of the numbers that bootstraps refresh, 1 being in range, but arguments of polynomials. */
export function furthestRefreshed(compiled: Compiled, inputs: GraphInputs): number {
  let most = 0;
  for (const { tensor, ciphertext, values } of slotsRefreshed(compiled, inputs)) {
    if (tensor.argument) continue;
    const mask = tensor.mask?.[ciphertext]?.values();
    for (const [slot, value] of values.entries())
      if (mask?.[slot] !== 0) most = Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.max(most, Math.abs(value));
  }
  return most;
}

/** What the verdict has to be by a clear evaluation; undefined between the ends. */
export function expectedVerdict(
  compiled: Compiled,
  graph: PolynomialGraph,
  inputs: GraphInputs,
): 'trusted' | 'flagged' | undefined {
  const argument = furthest(graph, inputs);
  const value = furthestRefreshed(compiled, inputs);
  if (argument >= tolerance || value >= refreshTolerance(refreshedValues(compiled).length)) return 'flagged';
  return argument <= 1 && value <= 1 ? 'trusted' : undefined;
}
