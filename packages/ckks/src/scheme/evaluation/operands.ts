import { apart, decimals } from '@cipherformer/base';
import { OperandError } from '../../errors/index.ts';
import type { Context } from '../parameters/context.ts';
import { type Ciphertext, type Plaintext, sameScale } from '../values/ciphertext.ts';

// What operations ask of their operands before any memory is taken: nothing is adjusted silently.

/** @throws OperandError unless the operand belongs to this context and has not been disposed of */
export function checkOperand(context: Context, operand: Ciphertext | Plaintext, what: string): void {
  context.require(operand.context, what);
  if (operand.slab.released)
    throw new OperandError(`${what} was disposed of: keep it until its last use (does a using block end too early?)`);
}

/** Ciphertexts hold equally many values; a plaintext may repeat fewer. @throws OperandError for others */
export function checkSlots(a: Ciphertext, b: Ciphertext | Plaintext, what: string): void {
  if (a.slots === b.slots || (b.size === 1 && b.slots < a.slots)) return;
  throw new OperandError(
    `cannot ${what} operands of ${a.slots} and ${b.slots} slots: encode both with the same option slots`,
  );
}

/** Two operands of a sum. @throws OperandError for other contexts, slots or scales than each other's */
export function checkSummands(context: Context, a: Ciphertext, b: Ciphertext | Plaintext, what: string): void {
  checkOperand(context, a, 'the first operand');
  checkOperand(context, b, 'the second operand');
  checkSlots(a, b, what);
  if (!sameScale(a.scale, b.scale)) {
    const [first, second] = apart(Math.log2(a.scale), Math.log2(b.scale), decimals, 6);
    throw new OperandError(
      `cannot ${what} operands of scale 2^${first} and 2^${second}: ` +
        'encode the plaintext at the ciphertext’s scale, or multiply one side by a constant that brings the scales together',
    );
  }
}

/** Two ciphertexts to multiply. @throws OperandError for other contexts or slots, and for parts beyond two */
export function checkFactors(context: Context, a: Ciphertext, b: Ciphertext): void {
  checkOperand(context, a, 'the first operand');
  checkOperand(context, b, 'the second operand');
  checkSlots(a, b, 'multiply');
  if (a.size !== 2 || b.size !== 2)
    throw new OperandError(
      `a product needs operands of two parts, not ${a.size} and ${b.size}: relinearise them first`,
    );
}

/** @throws OperandError below level 1, where no prime is left to divide by */
export function checkRescales(a: Ciphertext): void {
  if (a.level < 1)
    throw new OperandError(
      `cannot rescale at level ${a.level}: bootstrap the ciphertext first, or start at a higher level`,
    );
}

/** @throws OperandError unless the operand belongs to this context and has two parts */
export function checkTwoParts(context: Context, a: Ciphertext, what: string): void {
  checkOperand(context, a, `the operand of ${what}`);
  if (a.size !== 2)
    throw new OperandError(`${what} needs a ciphertext of two parts, not ${a.size}: relinearise it first`);
}
