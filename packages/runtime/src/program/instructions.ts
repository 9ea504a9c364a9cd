import type { Step } from '@cipherformer/approx';

/**
 * The encrypted program: a straight line of instructions over ciphertext registers, each assigned once. It knows slots,
 * levels and rotations, and nothing of tokens, features or layers: those are the business of the packing passes that
 * emit it. The clear, the simulated and the CKKS back end run the same instructions.
 *
 * Levels and scales: a register at level l has the canonical scale of that level (the parameters' scale, up to the exact
 * drift of the chain), so that registers of one level can be added. `level` is where an instruction works: operands are
 * brought down to it first, its results are at `level - levels consumed`.
 */
export type Register = number;

export type Instruction = InstructionBase &
  (
    | LinearInstruction
    | ProductSumInstruction
    | AddInstruction
    | AddVectorInstruction
    | MultiplyInstruction
    | RotateSumInstruction
    | PolynomialInstruction
    | BootstrapInstruction
  );

/** The instruction of one operation, with its level and source. */
export type InstructionOf<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;

interface InstructionBase {
  /** The part of the model this comes from: "layers.0.attention.query". */
  readonly source: string;
  /** The level operands are brought to. */
  readonly level: number;
}

/**
 * outputs[o] = sum over i and diagonals r of matrix: diagonal(o, i, r) * rotate(inputs[i], r). One level.
 * Executed by baby and giant steps: every r is giant + baby for some giant in `giantSteps`, baby in `babySteps`;
 * baby steps are hoisted rotations of an input, shared by all outputs.
 */
export interface LinearInstruction {
  readonly op: 'linear';
  readonly inputs: readonly Register[];
  readonly outputs: readonly Register[];
  readonly matrix: SlotMatrix;
  /** Rotations of what is multiplied: of packed inputs where there is a packing. */
  readonly babySteps: readonly number[];
  readonly giantSteps: readonly number[];
  /** How the sums are computed; without it one by one, in real slots. */
  readonly packing?: LinearPacking;
  /** Baby rotations are divided by the special primes and held, for many diagonals each: less work, the same meaning. */
  readonly dividesBabies?: boolean;
}

/**
 * Two real values in the real and imaginary parts of the slots of one ciphertext, so that one product with a complex diagonal
 * does the work of two. Packing changes the work of a linear map and not its meaning. Every input and every output is
 * in one pair or alone. Where inputs and outputs are packed, the map must be the same on the first and second of all
 * pairs: diagonal(o, a, r) = diagonal(p, b, r) and diagonal(o, b, r) = diagonal(p, a, r) = 0.
 */
export interface LinearPacking {
  readonly inputs: readonly PackedInput[];
  readonly outputs: readonly { readonly real: number; readonly imaginary?: number }[];
}
/** inputs[real] + i * rotate(inputs[imaginary.input], imaginary.turn). */
export interface PackedInput {
  readonly real: number;
  readonly imaginary?: { readonly input: number; readonly turn: number };
}

/**
 * A matrix over the slots of several ciphertexts by its diagonals, computed when needed: whole weights as slot vectors
 * would fill gigabytes, so diagonals are made, encoded, used and dropped one by one.
 */
export interface SlotMatrix {
  /** Rotations r in [0, slots) with a non-zero diagonal for (output, input). */
  rotations(output: number, input: number): readonly number[];
  /** The diagonal, one entry a slot: out[s] += diagonal[s] * in[(s + r) mod slots]. */
  diagonal(output: number, input: number, rotation: number): Float64Array;
  /** Where known: all diagonals repeat after this many slots, which makes them cheap to encode. */
  readonly period?: number;
}

/**
 * output = sum over terms of left * right, where a side is a sum of rotated, masked copies of one register. Products are
 * summed in three parts and relinearised once. One level for the product, and one before it for a side with masks. Where
 * only one side has masks, the other is brought to `level - 1` (and need not be higher): it waits for the masked side.
 * Either all copies of a side have masks or none has.
 */
export interface ProductSumInstruction {
  readonly op: 'productSum';
  readonly left: Register;
  readonly right: Register;
  readonly terms: readonly ProductTerm[];
  /** How the sum is computed; without it term by term, in real slots. */
  readonly packing?: ProductPacking;
  readonly output: Register;
}
/**
 * Terms 2k and 2k + 1 as one product of complex slots: a b + a' b' is the real part of (a + i a') (b - i b'). A side with masks
 * has complex masks. A side without is packed once for all pairs, with itself turned: its copies in every second term are
 * this much further than in the term before. A last term without a partner is by itself. Half the products, the rotations of
 * sides without masks and the divisions of sides with masks, for a rotation of each side without masks and a conjugation of
 * the sum. Changes the work and not the meaning. The real part comes doubled, so one side has half the scale: a side with
 * masks, or else one that comes from above the instruction's level (`isPackable`).
 */
export interface ProductPacking {
  /** Turns of the sides without masks, in slots; absent for a side with masks. */
  readonly left?: number;
  readonly right?: number;
}
export interface ProductTerm {
  readonly left: readonly RotatedCopy[];
  readonly right: readonly RotatedCopy[];
}
export interface RotatedCopy {
  readonly rotation: number;
  /** Index into the program's masks; absent: no mask (then a side is one copy alone). */
  readonly mask?: number;
}

/** output = left + right, both at `level`. No level. */
export interface AddInstruction {
  readonly op: 'add';
  readonly left: Register;
  readonly right: Register;
  readonly output: Register;
}

/** output = input + vector, a slot vector (biases, positions). No level. */
export interface AddVectorInstruction {
  readonly op: 'addVector';
  readonly input: Register;
  readonly vector: SlotVector;
  readonly output: Register;
}
/** Slot values made when needed. */
export interface SlotVector {
  values(): Float64Array;
  /** Where known: the values repeat after this many slots. */
  readonly period?: number;
}

/** output = left * right slot by slot, relinearised and rescaled (left = right squares). One level. */
export interface MultiplyInstruction {
  readonly op: 'multiply';
  readonly left: Register;
  readonly right: Register;
  readonly output: Register;
}

/** For each step r in turn: x = x + rotate(x, r). No level; one key switch a step. */
export interface RotateSumInstruction {
  readonly op: 'rotateSum';
  readonly input: Register;
  readonly steps: readonly number[];
  readonly output: Register;
}

/** A program of the package approx, of a value already mapped to [-1, 1]; coefficients include the result's scaling. */
export interface PolynomialInstruction {
  readonly op: 'polynomial';
  readonly input: Register;
  readonly steps: readonly Step[];
  readonly output: Register;
}

/** Fresh copies of the inputs (slots in [-1, 1]) at the level a bootstrap gives; pairs share one bootstrap. */
export interface BootstrapInstruction {
  readonly op: 'bootstrap';
  readonly inputs: readonly Register[];
  readonly outputs: readonly Register[];
}

/** A whole encrypted program. */
export interface EncryptedProgram {
  readonly slots: number;
  readonly inputs: readonly ProgramInput[];
  readonly instructions: readonly Instruction[];
  /** Slot vectors shared by product sums. */
  readonly masks: readonly SlotVector[];
  readonly outputs: readonly ProgramOutput[];
  /** What the server keeps from one run to the next, where it does. */
  readonly kept?: KeptCiphertexts;
}

/**
 * Ciphertexts that the server keeps between runs and no client sees: keys and values of attention. All at one level, with the
 * canonical scale there.
 */
export interface KeptCiphertexts {
  readonly level: number;
  /** What an earlier run has kept. */
  readonly inputs: readonly Register[];
  /** What this run keeps. */
  readonly outputs: readonly Register[];
}

export interface ProgramInput {
  readonly name: string;
  readonly register: Register;
  /** The level the client encrypts at. */
  readonly level: number;
  /** Where the client puts its numbers: slot s holds values[source[s]] * factor, or 0 where source[s] is -1. */
  readonly source: Int32Array;
  readonly factor: number;
}

export interface ProgramOutput {
  /** The answer to an example is its part of all "logits" one after the other. A "sentinel" tells the client whether it is one. */
  readonly name: 'logits' | 'sentinel';
  readonly register: Register;
  /** Output k is the slot slots[k], times factor. Of a batch: as many for every example, one example after the other. */
  readonly slots: Int32Array;
  readonly factor: number;
  /** Numbers of a larger absolute value (after the factor) tell that a value left the range the model is made for. */
  readonly limit: number;
  /** Where known: slots repeat after so many, so that the copies of a number must agree. */
  readonly period?: number;
}
