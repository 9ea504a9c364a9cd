/** Operation codes of the kernel library: the same numbers as native/operations.hpp (a test compares the two). */
export const Op = {
  ringCreate: 0,
  ringDestroy: 1,
  nttForward: 2,
  nttInverse: 3,
  add: 4,
  subtract: 5,
  negate: 6,
  multiply: 7,
  multiplyAccumulate: 8,
  multiplyScalar: 9,
  multiplyScalarAccumulate: 10,
  addScalar: 11,
  tensor: 12,
  tensorAccumulate: 13,
  automorphism: 14,
  divide: 15,
  decompose: 16,
  raise: 17,
  innerProduct: 18,
  innerProductAccumulate: 19,
  keySwitch: 20,
  linearBabySteps: 21,
  sampleUniform: 22,
  sampleSmall: 23,
  keystream: 24,
  generateKeyDigit: 25,
  encode: 26,
  decode: 27,
  measureMultiplies: 29,
  encodePeriodic: 30,
  unpackResidues: 31,
  packResidues: 32,
  encodeMany: 33,
  encryptZero: 34,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** The builds of the kernels, fastest first. */
export const buildNames = ['ifma', 'fma', 'scalar', 'wasm-relaxed', 'wasm'] as const;
export type BuildName = (typeof buildNames)[number];
