import type { Lowering } from './lowering.ts';
import type { Operations } from './operation.ts';

export const inputOperations: Operations<'input'> = {
  input: {
    factor: () => ({ kind: 'free' }),
    sameLayout: () => [],
    emptyRowsAreZero: () => true,
    otherSlotsAreZero: () => true,
    takesShift: false,
    lower: ({ name }, i, { lowering }) => lowerInput(lowering, name, i),
  },
};

/** Values [batch, tokens, features] of the client, row by row and repeated with the layout's period. */
function lowerInput(lowering: Lowering, name: string, node: number): void {
  const { batch, paddedTokens, slots, rowLength } = lowering.geometry;
  const { rows, tokens } = lowering.matrixLayout(node);
  const features = rows.blocks.reduce((most, block) => Math.max(most, ...block.map((feature) => feature + 1)), 0);
  const sources = rows.blocks.map((block) => {
    const source = new Int32Array(slots).fill(-1);
    for (let slot = 0; slot < slots; slot++) {
      const feature = block[Math.floor(slot / rowLength) % rows.period]!;
      const example = Math.floor(slot / paddedTokens) % batch;
      const token = slot % paddedTokens;
      if (feature >= 0 && token < tokens) source[slot] = (example * tokens + token) * features + feature;
    }
    return source;
  });
  lowering.inputs.push({ tensor: lowering.defineTensor(node), name, factor: lowering.factors[node]!, sources });
}
