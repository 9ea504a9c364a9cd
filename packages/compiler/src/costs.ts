/** Measuring costs: with keys of a secret that is thrown away, so apart from the server's side. */
export { type MeasureCostsOptions, measureCosts } from './cost/measure.ts';
export type { CostTable } from './cost/table.ts';
