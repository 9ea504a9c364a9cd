export * from './errors/index.ts';
export * from './kernels/index.ts';
