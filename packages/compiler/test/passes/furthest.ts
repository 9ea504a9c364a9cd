import { type GraphInputs, PolynomialEvaluator, type PolynomialGraph } from '@cipherformer/nn/polynomial';

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
