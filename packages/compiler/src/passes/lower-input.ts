import { tokenSlot } from '../packing/geometry.ts';
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
  const { geometry } = lowering;
  const { batch, slots, rowLength } = geometry;
  const { rows, extent } = lowering.matrixLayout(node);
  const count = extent.windows * extent.tokens;
  const features = rows.blocks.reduce((most, block) => Math.max(most, ...block.map((feature) => feature + 1)), 0);
  const sources = rows.blocks.map((block) => {
    const source = new Int32Array(slots).fill(-1);
    for (let row = 0; row < slots / rowLength; row++) {
      const feature = block[row % rows.period]!;
      if (feature < 0) continue;
      for (let example = 0; example < batch; example++)
        for (let token = 0; token < count; token++)
          source[row * rowLength + tokenSlot(geometry, example, token)] =
            (example * count + sent(token)) * features + feature;
    }
    return source;
  });
  lowering.inputs.push({ tensor: lowering.defineTensor(node), name, factor: lowering.factors[node]!, sources });
}
