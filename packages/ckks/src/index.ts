export * from './circuits/index.ts';
export * from './errors/index.ts';
export * from './kernels/index.ts';
export * from './ring/index.ts';
export * from './scheme/index.ts';
export * from './wire/index.ts';
