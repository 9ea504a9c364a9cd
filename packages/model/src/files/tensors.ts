import { FormatError } from '../errors.ts';
import type { Matrix } from '../operations/fields.ts';
import { shown } from '../untrusted/index.ts';
import { formatShape, type StoredTensor } from './stored-tensor.ts';

/** Collects the tensors of a model by name. */
export class TensorWriter {
  readonly tensors = new Map<string, StoredTensor>();

  vector(name: string, data: Float32Array): void {
    this.tensors.set(name, { shape: [data.length], data });
  }

  matrix(name: string, { rows, columns, values }: Matrix): void {
    this.tensors.set(name, { shape: [rows, columns], data: values });
  }
}

/** Hands out the tensors of a file by name, each once, checked. @throws FormatError naming the file and the tensor */
export class TensorReader {
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #where: string;
  readonly #read = new Set<string>();

  constructor(tensors: ReadonlyMap<string, StoredTensor>, where: string) {
    this.#tensors = tensors;
    this.#where = where;
  }

  vector(name: string): Float32Array {
    return this.#take(name, 1).data;
  }

  matrix(name: string): Matrix {
    const { shape, data } = this.#take(name, 2);
    if (data.length === 0) throw new FormatError(`${this.#where}: "${name}" ${formatShape(shape)} is empty.`);
    return { rows: shape[0]!, columns: shape[1]!, values: data };
  }

  /** @throws FormatError where the file holds more than was read */
  finish(): void {
    const extra = [...this.#tensors.keys()].find((name) => !this.#read.has(name));
    if (extra !== undefined)
      throw new FormatError(`${this.#where}: no node has a place for the tensor ${shown(extra)}.`);
  }

  #take(name: string, rank: number): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new FormatError(`${this.#where}: the tensor "${name}" is missing.`);
    this.#read.add(name);
    if (tensor.shape.length !== rank) {
      throw new FormatError(
        `${this.#where}: "${name}" has ${tensor.shape.length} dimensions where ${rank} are needed.`,
      );
    }
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new FormatError(`${this.#where}: value ${bad} of "${name}" is ${tensor.data[bad]}.`);
    return tensor;
  }
}
