import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { rawAdd, rawMul, rawScale, rawSub } from './elementwise.ts';
import { rawReshape, rawSplit } from './shape.ts';

/**
 * Polynomials in the Chebyshev basis, evaluated for training with few passes over memory.
 *
 * p(t) = sum_j T_{jk}(t) B_j(t) with blocks B_j of degree < k (Paterson and Stockmeyer's splitting in the Chebyshev
 * basis, through 2 T_a T_b = T_{a+b} + T_{|a-b|}). The baby polynomials T_1..T_{k-1} are stacked as rows, so that one
 * small GEMM with the block coefficients gives all blocks of p *and* of p' in one pass, and p' shares every power
 * with p. The gradient of trainable coefficients is one GEMM with the same stack. Element-wise chains run on chunks
 * that stay in the second-level cache.
 */
export interface PolynomialDomain {
  /** The interval mapped to [-1, 1]. */
  readonly low: number;
  readonly high: number;
}

/** Values processed together: measured best for degrees 7 to 31 (docs/benchmarks/training.md): a chain of passes stays in the cache. */
const chunkSize = 65_536;

/** Number of baby polynomials k for a degree, a power of two near sqrt(2 (degree + 1)). */
function babyCount(degree: number): number {
  let k = 1;
  while (k * k * 2 <= degree + 1) k *= 2;
  return k;
}

/**
 * The constant matrix that turns Chebyshev coefficients c[0..degree] into block coefficients b[j][i] (row j * k + i)
 * of the products T_{jk} T_i. Works down from the top: c T_{jk+i} = 2c T_{jk} T_i - c T_{jk-i}.
 */
export function blockMatrix(degree: number, k: number): Float64Array[] {
  const blocks = Math.floor(degree / k) + 1;
  const rows = Array.from({ length: blocks * k }, () => new Float64Array(degree + 1));
  for (let source = 0; source <= degree; source++) {
    const c = new Float64Array(degree + 1);
    c[source] = 1;
    for (let n = degree; n >= 0; n--) {
      const value = c[n]!;
      if (value === 0) continue;
      const j = Math.floor(n / k);
      const i = n % k;
      if (i === 0 || j === 0) {
        rows[j * k + i]![source]! += value;
      } else {
        rows[j * k + i]![source]! += 2 * value;
        c[j * k - i]! -= value;
      }
    }
  }
  return rows;
}

/** The constant matrix of d/dt in the Chebyshev basis: c'[m] = 2 sum of n c[n] over n > m with n - m odd (half at 0). */
export function derivativeMatrix(degree: number): Float64Array[] {
  return Array.from({ length: degree + 1 }, (_, m) => {
    const row = new Float64Array(degree + 1);
    for (let n = m + 1; n <= degree; n += 2) row[n] = (m === 0 ? 1 : 2) * n;
    return row;
  });
}

const product = (a: readonly Float64Array[], b: readonly Float64Array[]): Float64Array[] =>
  a.map((row) => Float64Array.from(b[0]!, (_, column) => row.reduce((s, value, l) => s + value * b[l]![column]!, 0)));

const flatten = (rows: readonly Float64Array[]): Float32Array => Float32Array.from(rows.flatMap((row) => [...row]));

/**
 * p(x) element-wise: `coefficients` [degree + 1] (a constant or a parameter) in the Chebyshev basis on `domain`.
 * Outside the domain the polynomial itself is evaluated; nothing is clamped.
 */
export function polynomial(x: Tensor, coefficients: Tensor, domain: PolynomialDomain): Tensor {
  const { program } = x;
  const degree = coefficients.shape[0]! - 1;
  if (coefficients.shape.length !== 1 || degree < 1) {
    throw new ShapeError(`polynomial at ${program.location}: coefficients ${formatShape(coefficients.shape)}.`);
  }
  const k = Math.max(2, babyCount(degree));
  const blocks = Math.floor(degree / k) + 1;
  const toBlocks = blockMatrix(degree, k);
  const rows = blocks * k;
  const column = rawReshape(coefficients, [degree + 1, 1]);
  // [blocks, k] with the constant terms (T_0) apart: they enter as the GEMM's additive operand.
  const blockCoefficients = (map: readonly Float64Array[]) => {
    const matrix = program.constant(flatten(map), [rows, degree + 1], 'blocks');
    const table = rawReshape(program.emit1('MatMul', [matrix, column], [rows, 1]), [blocks, k]);
    return rawSplit(table, 1, [1, k - 1]) as [Tensor, Tensor];
  };
  const [constants, babySteps] = blockCoefficients(toBlocks);
  const halfWidth = (domain.high - domain.low) / 2;
  const centre = (domain.high + domain.low) / 2;

  const total = elementCount(x.shape);
  const sizes = Array.from({ length: Math.ceil(total / chunkSize) }, (_, i) =>
    Math.min(chunkSize, total - i * chunkSize),
  );
  const chunked = (tensor: Tensor) => {
    const flat = rawReshape(tensor, [total]);
    return sizes.length === 1 ? [flat] : rawSplit(flat, 0, sizes);
  };
  const joined = (parts: readonly Tensor[]) =>
    rawReshape(
      parts.length === 1 ? parts[0]! : program.emit1('Concat', parts, [1, total], { axis: { int: 1 } }),
      x.shape,
    );

  const stacks = chunked(x).map((chunk, index) => {
    const count = sizes[index]!;
    const shifted = centre === 0 ? chunk : rawSub(chunk, program.scalar(centre));
    return chebyshevStack(rawReshape(rawScale(shifted, 1 / halfWidth), [1, count]), k, blocks);
  });
  const value = joined(stacks.map((stack) => combine(stack, constants, babySteps, blocks)));

  return program.record([x, coefficients], [value], ([g]) => {
    const parts = chunked(g!);
    const slope = () => {
      const map = product(toBlocks, derivativeMatrix(degree)).map((row) => row.map((entry) => entry / halfWidth));
      const [slopeConstants, slopeBabySteps] = blockCoefficients(map);
      return joined(
        stacks.map((stack, i) => {
          const p = combine(stack, slopeConstants, slopeBabySteps, blocks);
          return rawMul(rawReshape(parts[i]!, p.shape), p);
        }),
      );
    };
    const coefficientGradient = () => {
      const tables = stacks.map((stack, i) => {
        const row = rawReshape(parts[i]!, stack.giantSteps[0]?.shape ?? [1, sizes[i]!]);
        const weighted = [row, ...stack.giantSteps.map((giant) => rawMul(row, giant))];
        const tall =
          weighted.length === 1 ? row : program.emit1('Concat', weighted, [blocks, sizes[i]!], { axis: { int: 0 } });
        const first = program.emit1('ReduceSum', [tall, program.integers([1])], [blocks, 1]);
        const rest = program.emit1('Gemm', [tall, stack.babySteps], [blocks, k - 1], { transB: { int: 1 } });
        return program.emit1('Concat', [first, rest], [blocks, k], { axis: { int: 1 } });
      });
      const table = tables.reduce((a, b) => rawAdd(a, b));
      const matrix = program.constant(flatten(toBlocks), [rows, degree + 1], 'blocks');
      const dc = program.emit1('Gemm', [matrix, rawReshape(table, [rows, 1])], [degree + 1, 1], { transA: { int: 1 } });
      return rawReshape(dc, [degree + 1]);
    };
    return [x.differentiable ? slope() : undefined, coefficients.differentiable ? coefficientGradient() : undefined];
  })[0]!;
}

interface ChebyshevStack {
  /** T_1..T_{k-1}, [k - 1, count]. */
  readonly babySteps: Tensor;
  /** T_k, T_2k, ... [1, count] each. */
  readonly giantSteps: readonly Tensor[];
}

function chebyshevStack(t: Tensor, k: number, blocks: number): ChebyshevStack {
  const { program } = t;
  const one = program.scalar(1);
  const known = new Map<number, Tensor>([[1, t]]);
  // 2 T_a T_b = T_{a+b} + T_{a-b}; doubling uses T_0 = 1.
  const chebyshev = (n: number): Tensor => {
    const found = known.get(n);
    if (found) return found;
    const a = Math.ceil(n / 2);
    const b = n - a;
    const twice = rawMul(rawScale(chebyshev(a), 2), chebyshev(b));
    const result = rawSub(twice, a === b ? one : chebyshev(a - b));
    known.set(n, result);
    return result;
  };
  const rows = Array.from({ length: k - 1 }, (_, i) => chebyshev(i + 1));
  const count = t.shape[1]!;
  const giantSteps: Tensor[] = [];
  for (let j = 1; j < blocks; j++) {
    if (j <= 1) {
      giantSteps.push(chebyshev(k));
    } else {
      const a = Math.ceil(j / 2);
      const b = j - a;
      const twice = rawMul(rawScale(giantSteps[a - 1]!, 2), giantSteps[b - 1]!);
      giantSteps.push(rawSub(twice, a === b ? one : giantSteps[a - b - 1]!));
    }
  }
  const babySteps = rows.length === 1 ? t : program.emit1('Concat', rows, [k - 1, count], { axis: { int: 0 } });
  return { babySteps, giantSteps };
}

function combine(stack: ChebyshevStack, constants: Tensor, babySteps: Tensor, blocks: number): Tensor {
  const { program } = stack.babySteps;
  const count = stack.babySteps.shape[1]!;
  const table = program.emit1('Gemm', [babySteps, stack.babySteps, constants], [blocks, count]);
  if (blocks === 1) return table;
  const rows = rawSplit(
    table,
    0,
    Array.from({ length: blocks }, () => 1),
  );
  return rows.slice(1).reduce((sum, row, i) => rawAdd(sum, rawMul(row, stack.giantSteps[i]!)), rows[0]!);
}
