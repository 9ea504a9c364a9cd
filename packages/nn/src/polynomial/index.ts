/** Polynomial models: the part of the package that needs no training engine, for the compiler and the browser. */

export { evaluate, type GraphInputs, type Observer, PolynomialEvaluator } from './evaluate.ts';
export type * from './graph.ts';
export { type LowerOptions, lower } from './lower.ts';
export { operandsOf, type ValueShape, valueShapes, valueSize } from './shapes.ts';
