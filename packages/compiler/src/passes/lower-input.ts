import type { Lowering } from './lowering.ts';
import type { Meaning, ModelNode } from './meaning.ts';
import type { Operations } from './operation.ts';

const given: Meaning<ModelNode> = {
  factor: () => ({ kind: 'free' }),
  sameLayout: () => [],
  emptyRowsAreZero: () => true,
  otherSlotsAreZero: () => true,
  takesShift: false,
};

export const inputOperations: Operations<'input' | 'tokenInput'> = {
  input: { ...given, lower: ({ name }, i, { lowering }) => lowerInput(lowering, name, i, (token) => token) },
  tokenInput: { ...given, lower: ({ name }, i, { lowering }) => lowerInput(lowering, name, i, () => 0) },
};

/** Values [batch, tokens, features] of the client, row by row and repeated with the layout's period; `sent`: which token a row holds. */
function lowerInput(lowering: Lowering, name: string, node: number, sent: (token: number) => number): void {
  const { batch, paddedTokens, slots, rowLength } = lowering.geometry;
  const { rows, tokens } = lowering.matrixLayout(node);
  const features = rows.blocks.reduce((most, block) => Math.max(most, ...block.map((feature) => feature + 1)), 0);
  const sources = rows.blocks.map((block) => {
    const source = new Int32Array(slots).fill(-1);
    for (let slot = 0; slot < slots; slot++) {
      const feature = block[Math.floor(slot / rowLength) % rows.period]!;
      const example = Math.floor(slot / paddedTokens) % batch;
      const token = slot % paddedTokens;
      if (feature >= 0 && token < tokens) source[slot] = (example * tokens + sent(token)) * features + feature;
    }
    return source;
  });
  lowering.inputs.push({ tensor: lowering.defineTensor(node), name, factor: lowering.factors[node]!, sources });
}
