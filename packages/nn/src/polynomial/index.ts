/** Polynomial models: the part of the package that needs no training engine. */
export type * from './graph.ts';
