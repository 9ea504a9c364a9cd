/**
 * Affine maps of the features of a token, kept in float64 while they are composed. Lowering holds every value as a
 * view: a node of the graph and an affine map that has not been spent on a node yet. Normalisations with stored
 * statistics, gains and biases only change the map; a node appears when a non-linear operation needs the value.
 */
export interface Dense {
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly values: Float64Array;
}

export type AffineMap =
  | {
      /** scale * (x - mean(x) if centred) + bias, feature by feature. */
      readonly kind: 'feature';
      readonly centre: boolean;
      readonly scale?: Float64Array;
      readonly bias?: Float64Array;
    }
  | { readonly kind: 'dense'; readonly weight: Dense; readonly bias?: Float64Array };

/** map(node): what a part of the model computes, [tokens, width]. */
export interface View {
  readonly node: number;
  readonly width: number;
  readonly map: AffineMap;
}

export const identityMap: AffineMap = { kind: 'feature', centre: false };

/** weight * view + bias: weight [out, width], bias [out]. The normalisation in the view folds into the weight. */
export function applyLinear(view: View, weight: Dense, bias?: Float64Array): View {
  const { map } = view;
  const carried = map.bias && multiplyVector(weight, map.bias);
  const total = carried && bias ? carried.map((v, i) => v + bias[i]!) : (carried ?? bias);
  const folded = map.kind === 'dense' ? multiplyDense(weight, map.weight) : foldFeatures(weight, map);
  return { node: view.node, width: weight.rows, map: dense(folded, total) };
}

/** scale * (view - mean(view) if `centre`) + bias: a normalisation whose statistics are constants. */
export function applyFeatures(view: View, centre: boolean, scale?: Float64Array, bias?: Float64Array): View {
  const { map, width } = view;
  const kept = map.bias && (centre ? centred(map.bias) : map.bias);
  const shifted = affineVector(kept, scale, bias);
  if (map.kind === 'feature' && !(centre && map.scale)) {
    const both = map.scale && scale ? map.scale.map((s, i) => s * scale[i]!) : (map.scale ?? scale);
    // Centring twice is centring once; a scale between the two would not commute.
    return { node: view.node, width, map: feature(map.centre || centre, both, shifted) };
  }
  const weight = map.kind === 'dense' ? map.weight : foldFeatures(identity(width), map);
  const rows = centre ? centreColumns(weight) : weight;
  return { node: view.node, width, map: dense(scale ? scaleRows(rows, scale) : rows, shifted) };
}

/** The map as one matrix [out, in]. */
export function toDense(view: View): Dense {
  const { map } = view;
  return map.kind === 'dense' ? map.weight : foldFeatures(identity(view.width), map);
}

export function scaleRows({ rows, columns, values }: Dense, scale: Float64Array): Dense {
  return { rows, columns, values: values.map((v, i) => v * scale[Math.floor(i / columns)]!) };
}

/** Rows `from` to `to` of a matrix. */
export function sliceRows({ columns, values }: Dense, from: number, to: number): Dense {
  return { rows: to - from, columns, values: values.subarray(from * columns, to * columns) };
}

/** x - mean(x). */
export function centred(vector: Float64Array): Float64Array {
  const mean = vector.reduce((a, b) => a + b, 0) / vector.length;
  return vector.map((v) => v - mean);
}

const dense = (weight: Dense, bias?: Float64Array): AffineMap => ({ kind: 'dense', weight, ...(bias && { bias }) });
const feature = (centre: boolean, scale?: Float64Array, bias?: Float64Array): AffineMap => ({
  kind: 'feature',
  centre,
  ...(scale && { scale }),
  ...(bias && { bias }),
});

function affineVector(x?: Float64Array, scale?: Float64Array, bias?: Float64Array): Float64Array | undefined {
  const scaled = x && scale ? x.map((v, i) => v * scale[i]!) : x;
  return scaled && bias ? scaled.map((v, i) => v + bias[i]!) : (scaled ?? bias);
}

/** weight * diag(scale) * (I - J / width if centred): columns scaled, then each row less its mean. */
function foldFeatures(weight: Dense, { centre, scale }: AffineMap & { kind: 'feature' }): Dense {
  const { rows, columns } = weight;
  const values = scale ? weight.values.map((v, i) => v * scale[i % columns]!) : weight.values;
  if (!centre) return { rows, columns, values };
  const result = new Float64Array(values.length);
  for (let r = 0; r < rows; r++) {
    result.set(centred(values.subarray(r * columns, (r + 1) * columns)), r * columns);
  }
  return { rows, columns, values: result };
}

/** (I - J / rows) * weight: each column less its mean. */
function centreColumns({ rows, columns, values }: Dense): Dense {
  const means = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) means[i % columns]! += values[i]! / rows;
  return { rows, columns, values: values.map((v, i) => v - means[i % columns]!) };
}

function multiplyVector({ rows, columns, values }: Dense, x: Float64Array): Float64Array {
  return Float64Array.from({ length: rows }, (_, r) => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += values[r * columns + c]! * x[c]!;
    return sum;
  });
}

function multiplyDense(left: Dense, right: Dense): Dense {
  const values = new Float64Array(left.rows * right.columns);
  for (let r = 0; r < left.rows; r++) {
    for (let k = 0; k < left.columns; k++) {
      const factor = left.values[r * left.columns + k]!;
      for (let c = 0; c < right.columns; c++) {
        values[r * right.columns + c]! += factor * right.values[k * right.columns + c]!;
      }
    }
  }
  return { rows: left.rows, columns: right.columns, values };
}

function identity(size: number): Dense {
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i++) values[i * (size + 1)] = 1;
  return { rows: size, columns: size, values };
}
