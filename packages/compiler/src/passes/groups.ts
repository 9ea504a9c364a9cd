import type { EncryptedProgram, Instruction, Register, SlotVector } from '@cipherformer/runtime';
import type { MaskNumber } from '../packing/attention.ts';

/** A value between groups, in one or several ciphertexts (a "CipherTensor" of CHET): they live, drop and are refreshed together. */
export interface CipherTensor {
  readonly name: string;
  readonly ciphertexts: number;
  /** Its slots stay within [-1, 1], so that it may be bootstrapped. */
  readonly refreshable: boolean;
  /** Its slots are a polynomial's argument, which takes part in the range check as such. */
  readonly argument?: boolean;
  /** For each ciphertext 1 where its numbers are, else 0; absent where all other slots hold zero. */
  readonly mask?: readonly SlotVector[];
}

/** An operand of a group: its level has to be at least `above` over the level of the group's results. */
export interface Operand {
  readonly tensor: number;
  readonly above: number;
}

/**
 * Instructions that belong together: their levels follow from that of the results, and no bootstrap comes between them.
 * Bootstraps are placed between groups.
 */
export interface Group {
  /** The node of the graph it comes from. */
  readonly source: string;
  readonly operands: readonly Operand[];
  /** Tensors it makes, all at one level. */
  readonly results: readonly number[];
  /** Writes its instructions. `level`: of the results; registers: those of each operand. Returns those of each result. */
  emit(emitter: Emitter, level: number, registers: readonly (readonly Register[])[]): Register[][];
}

/** What the client brings: a tensor without a group. */
export interface InputTensor {
  readonly tensor: number;
  readonly name: string;
  readonly factor: number;
  /** For each ciphertext, where its slots come from. */
  readonly sources: readonly Int32Array[];
}

/** A model as groups, in an order in which they can run. */
export interface Lowered {
  readonly tensors: readonly CipherTensor[];
  readonly groups: readonly Group[];
  readonly inputs: readonly InputTensor[];
  /** Tensors that the server keeps from run to run: those it has, and those of this run. */
  readonly kept?: { readonly inputs: readonly number[]; readonly outputs: readonly number[] };
  readonly output: {
    readonly tensor: number;
    /** For each ciphertext of the output its slots, example after example. */
    readonly reads: readonly { readonly ciphertext: number; readonly slots: Int32Array }[];
    readonly factor: number;
    /** As a program's output has them. */
    readonly limit: number;
    readonly period: number;
  };
  /** What tells the client of arguments outside their intervals, and of refreshed values out of range. */
  readonly sentinel?: {
    /** The sum over the arguments, where there are any. */
    readonly tensor: number | undefined;
    readonly level: number;
    /** Squarings of an argument. */
    readonly squarings: number;
    readonly limit: number;
    /** All slots, example after example. */
    readonly slots: Int32Array;
  };
}

/** Collects instructions, registers and masks of a program. */
export class Emitter {
  readonly instructions: Instruction[] = [];
  readonly masks: SlotVector[] = [];
  readonly #maskNumbers = new Map<string, number>();
  readonly #seconds: (instruction: Instruction) => number;
  #registers = 0;

  /** @param seconds what an instruction costs, where there is a choice */
  constructor(seconds: (instruction: Instruction) => number = () => 0) {
    this.#seconds = seconds;
  }

  register(): Register {
    return this.#registers++;
  }

  push(instruction: Instruction): void {
    this.instructions.push(instruction);
  }

  /** Adds the cheapest of several ways to do the same, each some instructions; of equal ones the first. */
  pushCheapest(ways: readonly (readonly Instruction[])[]): void {
    const costs = ways.map((way) => way.reduce((sum, instruction) => sum + this.#seconds(instruction), 0));
    for (const instruction of ways[costs.indexOf(Math.min(...costs))]!) this.push(instruction);
  }

  readonly mask: MaskNumber = (key, make) => {
    const known = this.#maskNumbers.get(key);
    if (known !== undefined) return known;
    this.#maskNumbers.set(key, this.masks.length);
    return this.masks.push(make()) - 1;
  };

  program(rest: Pick<EncryptedProgram, 'slots' | 'inputs' | 'outputs' | 'kept'>): EncryptedProgram {
    return { ...rest, instructions: this.instructions, masks: this.masks };
  }
}
