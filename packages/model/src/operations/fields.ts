import * as z from 'zod/mini';

/** [rows, columns], row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** What every node has, whatever its operation. */
export interface NodeBase {
  /** Unique, as the model's parts are named: "layers.0.attention.query". */
  readonly name: string;
  /**
   * Largest absolute value seen in calibration, times a margin. The compiler divides by it, so that slots stay in
   * [-1, 1] where a bootstrap needs that. For the input of a polynomial the polynomial's interval counts instead.
   * Infinite in a graph that was not calibrated.
   */
  readonly bound: number;
}

export const indexSchema = z.int().check(z.minimum(0));
export const sizeSchema = z.int().check(z.positive(), z.maximum(2 ** 24));

/** The number of an earlier node. */
export interface OperandField {
  readonly kind: 'operand';
}

/** A tensor of model.safetensors, named "<node>.<field>". */
export interface TensorField<Rank extends 'vector' | 'matrix' = 'vector' | 'matrix'> {
  readonly kind: Rank;
}

/** A vector that may be absent: a flag in the JSON says whether the file has it. */
export interface OptionalVectorField {
  readonly kind: 'optional vector';
  readonly flag: z.core.$ZodType<boolean>;
}

/** What stands in the JSON as it is. */
export interface ValueField<Value> {
  readonly kind: 'value';
  readonly schema: z.core.$ZodType;
  /** Makes the value of JSON that the schema let pass. @throws FormatError, `path` first */
  read(json: unknown, path: string): Value;
}

export type AnyField = OperandField | TensorField | OptionalVectorField | ValueField<unknown>;

type FieldOf<Value> = [Value] extends [number]
  ? OperandField | ValueField<number>
  : [Value] extends [Matrix]
    ? TensorField<'matrix'>
    : [Value] extends [Float32Array]
      ? TensorField<'vector'>
      : ValueField<Value>;

type OwnKey<Node> = Exclude<keyof Node, keyof NodeBase | 'op'>;
type IsOptional<Node, Key extends keyof Node> = Partial<Pick<Node, Key>> extends Pick<Node, Key> ? true : false;

/** An entry for every field of a node but its operation, name and bound, in the order of the JSON. */
export type FieldsOf<Node> = {
  readonly [Key in OwnKey<Node>]-?: IsOptional<Node, Key> extends true ? OptionalVectorField : FieldOf<Node[Key]>;
};

export const operand: OperandField = { kind: 'operand' };
export const matrix: TensorField<'matrix'> = { kind: 'matrix' };
export const vector: TensorField<'vector'> = { kind: 'vector' };
export const optionalVector: OptionalVectorField = { kind: 'optional vector', flag: z.boolean() };
/** One that operations had no place for in files of earlier versions. */
export const laterVector: OptionalVectorField = { kind: 'optional vector', flag: z._default(z.boolean(), false) };
/** What its schema lets pass is the value. */
export const plain = <Value>(schema: z.core.$ZodType<Value>): ValueField<Value> => ({
  kind: 'value',
  schema,
  read: (json) => json as Value,
});
