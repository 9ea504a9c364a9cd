import { ShapeError } from '../errors.ts';
import { type GraphInputs, type OperationTable, type ValueShape, valueSize } from './definition.ts';
import { type NodeBase, plain, sizeSchema } from './fields.ts';

export type InputNode = NodeBase & {
  /**
   * What the client encrypts: "patches" or "embedded" [tokens, features]; columns [tokens, 1]: "mask" (0/1), and
   * "pooling" (weights of the tokens that sum to 1).
   */
  readonly op: 'input';
  readonly features: number;
};

export const inputOperations: OperationTable<InputNode> = {
  input: {
    fields: { features: plain(sizeSchema) },
    levels: () => 0,
    shape: ({ features }, { tokens }) => ({ rows: tokens, columns: features }),
    evaluation:
      ({ name }, { shape }) =>
      (_, out, inputs) =>
        out.set(given(inputs, name, shape)),
  },
};

function given(inputs: GraphInputs, name: string, shape: ValueShape): Float32Array | Float64Array {
  const values = inputs[name];
  const size = valueSize(shape);
  if (values?.length !== size) {
    throw new ShapeError(
      `The input "${name}" needs ${size} values [${shape.rows}, ${shape.columns}], got ${values?.length ?? 'none'}.`,
    );
  }
  return values;
}
