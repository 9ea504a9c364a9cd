import type { BootstrapLevels } from '../program/levels.ts';

/**
 * The kinds of work a machine model prices: a rotation alone or hoisted with others, a product of two ciphertexts with or
 * without relinearisation and rescale, a plaintext diagonal or mask encoded and multiplied (whole, or one that repeats with
 * a short period), a product with a constant and its rescale, an addition of a ciphertext or of an encoded vector, a bootstrap of
 * one real vector or of a pair.
 */
export type WorkKind =
  | 'rotation'
  | 'hoistedRotation'
  | 'multiply'
  | 'tensor'
  | 'diagonal'
  | 'periodicDiagonal'
  | 'constant'
  | 'rescale'
  | 'add'
  | 'addVector'
  | 'bootstrap'
  | 'bootstrapPair';

export interface Work {
  readonly kind: WorkKind;
  /** The level of the operands. */
  readonly level: number;
  readonly count: number;
}

/** What the placement of bootstraps has to know about an engine and a computer. */
export interface MachineModel extends BootstrapLevels {
  readonly name: string;
  /** The level clients encrypt at, unless the program needs less. */
  readonly inputLevel: number;
  /** Seconds of that much work. Must not fall with the level. */
  seconds(work: Work): number;
}

/** Milliseconds at level 0 and what each further level adds, by kind: N = 2^16 on two cores of a server. */
const milliseconds: Readonly<Record<WorkKind, readonly [base: number, perLevel: number]>> = {
  rotation: [10, 1.4],
  hoistedRotation: [5, 0.7],
  multiply: [10, 1.4],
  tensor: [0.4, 0.25],
  diagonal: [2, 0.25],
  periodicDiagonal: [0.5, 0.12],
  constant: [1, 0.4],
  rescale: [1, 0.3],
  add: [0.2, 0.1],
  addVector: [2, 0.2],
  bootstrap: [1250, 0],
  bootstrapPair: [1800, 0],
};

/** A rough machine for plans where none has been measured: twelve levels between bootstraps, as the engine's default. */
export const roughMachine: MachineModel = {
  name: 'rough estimate, N = 2^16, two cores',
  bootstrapInputLevel: 3,
  bootstrapOutputLevel: 15,
  inputLevel: 15,
  seconds({ kind, level, count }) {
    const [base, perLevel] = milliseconds[kind];
    return (count * (base + perLevel * level)) / 1000;
  },
};
