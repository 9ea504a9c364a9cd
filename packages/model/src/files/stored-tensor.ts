export type Shape = readonly number[];

export const elementCount = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** One stored tensor: row-major float32 values. */
export interface StoredTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export type Weights = ReadonlyMap<string, StoredTensor>;

/** Where tensors are read from by name, each when it is asked for: a map, or a file. */
export type TensorSource = Pick<Weights, 'keys' | 'has' | 'get'>;
