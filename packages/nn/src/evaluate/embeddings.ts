/** How near the embeddings of one model are to those of another, on the same texts. */
export interface EmbeddingAgreement {
  /** The mean over the texts of the cosine between both embeddings. */
  readonly cosine: number;
  /** Spearman's rank correlation of the cosines of all pairs of texts. */
  readonly spearman: number;
  /** Of each text's ten nearest by one model, the share that are its ten nearest by the other. */
  readonly topTen: number;
}

/** Pairs grow with the square of the texts. */
const mostCompared = 500;
const nearest = 10;

/** Both lists in one order, each of length 1. At least three texts tell anything of pairs. */
export function compareEmbeddings(one: readonly Float64Array[], other: readonly Float64Array[]): EmbeddingAgreement {
  const cosine = one.reduce((sum, row, i) => sum + dot(row, other[i]!) / one.length, 0);
  const [a, b] = [one, other].map((rows) => cosinesOf(rows.slice(0, mostCompared)));
  const pairs = (cosines: readonly Float64Array[]) => cosines.flatMap((row, i) => [...row.subarray(0, i)]);
  const shares = a!.map((row, i) => {
    const [ours, theirs] = [row, b![i]!].map((cosines) => nearestOf(cosines, i));
    const common = ours!.filter((each) => theirs!.includes(each)).length;
    return common / Math.max(1, ours!.length);
  });
  return {
    cosine,
    spearman: correlation(ranks(pairs(a!)), ranks(pairs(b!))),
    topTen: shares.reduce((sum, share) => sum + share / shares.length, 0),
  };
}

/** A vector in the same direction, of length 1; zeros stay. */
export function unitVector(values: ArrayLike<number>): Float64Array {
  const vector = Float64Array.from(values);
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return vector.map((value) => value / length);
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const cosinesOf = (rows: readonly Float64Array[]): Float64Array[] =>
  rows.map((row) => Float64Array.from(rows, (each) => dot(row, each)));

function nearestOf(cosines: Float64Array, self: number): number[] {
  const others = Array.from(cosines.keys()).filter((i) => i !== self);
  return others.sort((i, k) => cosines[k]! - cosines[i]! || i - k).slice(0, nearest);
}

/** The rank of each number, that of equal ones their mean. */
function ranks(values: readonly number[]): Float64Array {
  const order = Array.from(values.keys()).sort((i, k) => values[i]! - values[k]!);
  const result = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let at = from; at < to; at++) result[order[at]!] = (from + to - 1) / 2;
    from = to;
  }
  return result;
}

/** Pearson's. */
export function correlation(a: Float64Array, b: Float64Array): number {
  const centred = (values: Float64Array) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const [x, y] = [centred(a), centred(b)];
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}
