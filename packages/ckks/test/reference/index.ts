// A second, plain implementation of every kernel operation, in BigInt and by definition: what all builds must equal.
export * from './basis.ts';
export * from './keyswitch.ts';
export * from './modulus.ts';
export * from './ntt.ts';
export * from './ring.ts';
