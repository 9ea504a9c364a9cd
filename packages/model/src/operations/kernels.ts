import type { Matrix } from './fields.ts';
import type { PreparedProgram } from './prepare.ts';

/**
 * What each operation computes on plain numbers: additions, subtractions and multiplications only. Nothing else may enter
 * this file: a test reads it and fails on a division, a call into Math or a comparison of values. Matrices are
 * row-major float64; results go to `out`, which the caller has sized and filled with zeros.
 */

/**
 * out[t, o] = sum over i of weight[o, i] * x[t, i] + bias[o], in blocks of two tokens and four outputs, so that a number
 * read from memory is used more than once.
 */
export function linear(
  x: Float64Array,
  rows: number,
  weight: Matrix,
  bias: Float32Array | undefined,
  out: Float64Array,
) {
  const { rows: outputs, columns: inputs, values: w } = weight;
  const pairs = rows - (rows & 1);
  const whole = outputs - (outputs & 3);
  for (let o = 0; o < whole; o += 4) {
    for (let t = 0; t < pairs; t += 2) pairTimesFour(x, w, t, o, inputs, outputs, out);
  }
  for (let o = 0; o < outputs; o++) {
    // What the blocks left: the last token of an odd number, the last outputs.
    for (let t = o < whole ? pairs : 0; t < rows; t++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += w[o * inputs + i]! * x[t * inputs + i]!;
      out[t * outputs + o] = sum;
    }
  }
  if (bias) for (let t = 0; t < rows; t++) for (let o = 0; o < outputs; o++) out[t * outputs + o]! += bias[o]!;
}

function pairTimesFour(
  x: Float64Array,
  w: Float32Array,
  t: number,
  o: number,
  inputs: number,
  outputs: number,
  out: Float64Array,
) {
  const x0 = t * inputs;
  const x1 = x0 + inputs;
  const w0 = o * inputs;
  const w1 = w0 + inputs;
  const w2 = w1 + inputs;
  const w3 = w2 + inputs;
  let a0 = 0;
  let a1 = 0;
  let a2 = 0;
  let a3 = 0;
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  for (let i = 0; i < inputs; i++) {
    const a = x[x0 + i]!;
    const b = x[x1 + i]!;
    const v0 = w[w0 + i]!;
    const v1 = w[w1 + i]!;
    const v2 = w[w2 + i]!;
    const v3 = w[w3 + i]!;
    a0 += v0 * a;
    a1 += v1 * a;
    a2 += v2 * a;
    a3 += v3 * a;
    b0 += v0 * b;
    b1 += v1 * b;
    b2 += v2 * b;
    b3 += v3 * b;
  }
  const to = t * outputs + o;
  out[to] = a0;
  out[to + 1] = a1;
  out[to + 2] = a2;
  out[to + 3] = a3;
  out[to + outputs] = b0;
  out[to + outputs + 1] = b1;
  out[to + outputs + 2] = b2;
  out[to + outputs + 3] = b3;
}

export function add(left: Float64Array, right: ArrayLike<number>, out: Float64Array) {
  for (let i = 0; i < out.length; i++) out[i] = left[i]! + right[i]!;
}

export function multiply(left: Float64Array, right: ArrayLike<number>, out: Float64Array) {
  for (let i = 0; i < out.length; i++) out[i] = left[i]! * right[i]!;
}

/** The mean of each row times `share` = 1 / width, in every column. */
export function meanFeatures(x: Float64Array, rows: number, width: number, share: number, out: Float64Array) {
  for (let t = 0; t < rows; t++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[t * width + i]!;
    for (let i = 0; i < width; i++) out[t * width + i] = sum * share;
  }
}

export function maskTokens(x: Float64Array, mask: Float64Array, rows: number, width: number, out: Float64Array) {
  for (let t = 0; t < rows; t++) {
    for (let i = 0; i < width; i++) out[t * width + i] = x[t * width + i]! * mask[t]!;
  }
}

/** Sizes of an attention: its tokens, those of a window, its heads and their width. */
interface AttentionSizes {
  readonly rows: number;
  readonly window: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** Maps [heads, rows, window] of queries and keys [rows, heads * headWidth], each query with the keys of its window. */
export function scores(
  query: Float64Array,
  key: Float64Array,
  { rows, window, heads, headWidth }: AttentionSizes,
  offset: Float32Array | undefined,
  out: Float64Array,
) {
  const width = heads * headWidth;
  // One number a head, or one for each query and key.
  const each = offset === undefined ? false : offset.length === out.length;
  let at = 0;
  for (let h = 0; h < heads; h++) {
    const start = h * headWidth;
    for (let first = 0; first < rows; first += window) {
      for (let t = first; t < first + window; t++) {
        for (let j = first; j < first + window; j++) {
          let sum = offset === undefined ? 0 : offset[each ? at : h]!;
          for (let f = 0; f < headWidth; f++) sum += query[t * width + start + f]! * key[j * width + start + f]!;
          out[at++] = sum;
        }
      }
    }
  }
}

/** sum over visible j of weights[h, t, j] * maps[h, t, j] * value[j, h, f], j in t's window. */
export function attend(
  maps: Float64Array,
  value: Float64Array,
  { rows, window, heads, headWidth }: AttentionSizes,
  { causal, weights }: { readonly causal: boolean; readonly weights?: Float32Array },
  out: Float64Array,
) {
  const width = heads * headWidth;
  for (let h = 0; h < heads; h++) {
    const start = h * headWidth;
    for (let first = 0; first < rows; first += window) {
      for (let t = first; t < first + window; t++) {
        const row = (h * rows + t) * window;
        const to = t * width + start;
        const visible = causal ? t - first + 1 : window;
        for (let j = 0; j < visible; j++) {
          const weight = weights === undefined ? maps[row + j]! : maps[row + j]! * weights[row + j]!;
          const from = (first + j) * width + start;
          for (let f = 0; f < headWidth; f++) out[to + f]! += weight * value[from + f]!;
        }
      }
    }
  }
}

export function takeRows(x: Float64Array, rows: readonly number[], width: number, out: Float64Array) {
  for (let t = 0; t < rows.length; t++) {
    const from = rows[t]! * width;
    for (let i = 0; i < width; i++) out[t * width + i] = x[from + i]!;
  }
}

export function pool(x: Float64Array, weights: Float32Array, width: number, out: Float64Array) {
  for (let t = 0; t < weights.length; t++) {
    const weight = weights[t]!;
    for (let i = 0; i < width; i++) out[i]! += weight * x[t * width + i]!;
  }
}

/** A program of every element. `values` holds one array for the mapped argument and one for each step. */
export function polynomial(
  x: Float64Array,
  program: PreparedProgram,
  values: readonly Float64Array[],
  out: Float64Array,
) {
  const { factor, offset, steps } = program;
  const block = values[0]!.length;
  for (let start = 0; start < x.length; start += block) {
    const rest = x.length - start;
    const count = rest < block ? rest : block;
    const t = values[0]!;
    for (let i = 0; i < count; i++) t[i] = x[start + i]! * factor + offset;
    for (let s = 0; s < steps.length; s++) {
      const step = steps[s]!;
      const to = values[s + 1]!;
      switch (step.op) {
        case 'affine':
          for (let i = 0; i < count; i++) to[i] = step.offset;
          for (const term of step.terms) {
            const from = values[term.value]!;
            for (let i = 0; i < count; i++) to[i]! += term.factor * from[i]!;
          }
          break;
        case 'polynomial':
          chebyshev(values[step.value]!, step.coefficients, count, to);
          break;
        case 'product':
          for (let i = 0; i < count; i++) to[i] = values[step.left]![i]! * values[step.right]![i]!;
          break;
        case 'square':
          for (let i = 0; i < count; i++) to[i] = values[step.value]![i]! * values[step.value]![i]!;
          break;
      }
    }
    const result = values[steps.length]!;
    for (let i = 0; i < count; i++) out[start + i] = result[i]!;
  }
}

/** Sum of c_j T_j(t) by Clenshaw's recurrence. */
function chebyshev(t: Float64Array, coefficients: Float64Array, count: number, out: Float64Array) {
  const degree = coefficients.length - 1;
  for (let i = 0; i < count; i++) {
    const x = t[i]!;
    const twice = 2 * x;
    let b1 = 0;
    let b2 = 0;
    for (let j = degree; j >= 1; j--) {
      const b = twice * b1 - b2 + coefficients[j]!;
      b2 = b1;
      b1 = b;
    }
    out[i] = x * b1 - b2 + coefficients[0]!;
  }
}
