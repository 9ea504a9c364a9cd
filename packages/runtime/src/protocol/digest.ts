import { joinBytes, toHex } from '@cipherformer/base';
import { sha256 } from '@cipherformer/ckks';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';

/**
 * SHA-256 of a program's instructions with their levels, steps, polynomials, slot maps and masks, and of the model it comes
 * from, in hexadecimal. The entries of matrices and vectors are those of the model's files, so these stand for them.
 * @param model bytes that name the model: the digest of its files
 */
export async function programDigest(program: EncryptedProgram, model: Uint8Array): Promise<string> {
  const parts: Uint8Array[] = [model];
  const text = (value: unknown) => parts.push(new TextEncoder().encode(JSON.stringify(value)));
  text(program.instructions.map(outline));
  for (const { name, register, slots, factor, limit, period } of program.outputs)
    text([name, register, [...slots], factor, limit, period ?? 0]);
  for (const { name, register, level, source, factor } of program.inputs)
    text([name, register, level, [...source], factor]);
  if (program.kept) text(program.kept);
  for (const mask of program.masks) {
    const values = mask.values();
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return toHex(await sha256(joinBytes(parts)));
}

/** An instruction without what is made when needed. */
function outline(instruction: Instruction): unknown {
  if (instruction.op === 'linear') {
    const { matrix, ...rest } = instruction;
    const { inputs, outputs } = instruction;
    return { ...rest, rotations: outputs.map((_, o) => inputs.map((_, i) => matrix.rotations(o, i))) };
  }
  if (instruction.op === 'addVector') {
    const { vector: _, ...rest } = instruction;
    return rest;
  }
  return instruction;
}
