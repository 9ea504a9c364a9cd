import type { Weights } from '../../../model/src/files/stored-tensor.ts';

/**
 * A second implementation of the Hugging Face encoders and decoders, written from their papers in plain loops and
 * double precision, reading tensors by their Hugging Face names. The tests compare the package with it.
 */
type Matrix = number[][];

export class Reference {
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  vector(name: string): number[] {
    const found = this.#weights.get(name);
    if (!found) throw new Error(`no ${name}`);
    return [...found.data];
  }

  rows(name: string): Matrix {
    const data = this.vector(name);
    const width = this.#weights.get(name)!.shape.at(-1)!;
    return Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, (i + 1) * width));
  }

  /** x W^T + b, W [out, in]. */
  dense(x: Matrix, name: string): Matrix {
    const weight = this.rows(`${name}.weight`);
    const bias = this.vector(`${name}.bias`);
    return x.map((row) => weight.map((w, o) => bias[o]! + dot(w, row)));
  }

  /** x W + b, W [in, out]. */
  conv1d(x: Matrix, name: string): Matrix {
    const weight = this.rows(`${name}.weight`);
    const bias = this.vector(`${name}.bias`);
    return x.map((row) => bias.map((b, o) => b + row.reduce((sum, value, i) => sum + value * weight[i]![o]!, 0)));
  }

  norm(x: Matrix, name: string, epsilon: number): Matrix {
    const gain = this.vector(`${name}.weight`);
    const bias = this.vector(`${name}.bias`);
    return x.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      return row.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * gain[i]! + bias[i]!);
    });
  }

  /** Softmax attention over q, k, v [tokens, width]; key j is seen by query i if visible(i, j). */
  attend(q: Matrix, k: Matrix, v: Matrix, heads: number, visible: (i: number, j: number) => boolean): Matrix {
    const width = q[0]!.length / heads;
    return q.map((query, i) =>
      Array.from({ length: heads }, (_, h) => {
        const part = (row: number[]) => row.slice(h * width, (h + 1) * width);
        const scores = k.map((key, j) => (visible(i, j) ? dot(part(query), part(key)) / Math.sqrt(width) : -Infinity));
        const top = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - top));
        const total = weights.reduce((a, b) => a + b, 0);
        return Array.from({ length: width }, (_, c) =>
          weights.reduce((sum, weight, j) => sum + (weight / total) * part(v[j]!)[c]!, 0),
        );
      }).flat(),
    );
  }
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
export const addRows = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((value, j) => value + b[i]![j]!));
export const mapRows = (a: Matrix, f: (x: number) => number): Matrix => a.map((row) => row.map(f));

/** The error function by its Taylor series (all terms, enough for |x| < 5). */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
export const geluExact = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
export const geluNew = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
