import { sha256, toHex } from '@cipherformer/base';
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
  for (const mask of program.masks) {
    const values = mask.values();
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return toHex(await sha256(all));
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
