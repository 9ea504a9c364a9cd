import { type BuildName, type Kernels, Op, Ring, Slab, takePrimes } from '@cipherformer/ckks';
import { type MeasureOptions, measure } from '../measure/measure.ts';
import { type Residence, shape, type Work } from './kernel-cases.ts';

/** How a build multiplies: lanes of a vector, and multiply instructions of a butterfly, a modular product, a term. */
interface Arithmetic {
  readonly lanes: number;
  readonly instruction: string;
  readonly butterfly: number;
  readonly product: number;
  readonly accumulation: number;
}

const doubles = { butterfly: 4, product: 4, accumulation: 2 } as const;
const arithmetic: Readonly<Record<BuildName, Arithmetic>> = {
  ifma: { lanes: 8, instruction: '512-bit multiply-adds', ...doubles },
  fma: { lanes: 4, instruction: '256-bit fused multiply-adds', ...doubles },
  'wasm-relaxed': { lanes: 2, instruction: '128-bit relaxed multiply-adds', ...doubles },
  // Shoup's product: the high word of one and the low words of two; a modular product divides, which is not counted.
  scalar: { lanes: 1, instruction: '64-bit multiplications', butterfly: 3, product: 1, accumulation: 1 },
  wasm: { lanes: 1, instruction: '64-bit multiplications', butterfly: 3, product: 4, accumulation: 2 },
};

/** Multiply instructions per second times lanes, on one thread: independent chains in registers. */
export function multiplyRate(kernels: Kernels, options: MeasureOptions): number {
  const rounds = 100_000;
  const chains = kernels.call(Op.measureMultiplies, 1);
  const { bestMs } = measure(() => kernels.call(Op.measureMultiplies, rounds), options);
  return (rounds * chains * arithmetic[kernels.build].lanes) / (bestMs / 1000);
}

/** Bytes per second that pointwise addition, which hardly computes, moves at each residence. */
export type StreamRates = Readonly<Record<Residence, number>>;

/** The stream kernel: c = a + b with the operands of a hot limb, of many limbs, and of more than any cache holds. */
export function streamRates(kernels: Kernels, logN: number, options: MeasureOptions): StreamRates {
  const rate = (limbs: number): number => {
    using ring = new Ring(kernels, logN, [Number(takePrimes(50, logN, 1, new Set())[0])]);
    using slab = new Slab(kernels, 3 * limbs * ring.n);
    slab.wordsView().fill(1n);
    const basis = new Array<number>(limbs).fill(0);
    const operand = (k: number) => slab.address(k * limbs * ring.n);
    const { bestMs } = measure(() => ring.add(operand(2), operand(0), operand(1), basis), options);
    return (8 * 3 * limbs * ring.n) / (bestMs / 1000);
  };
  const largeWords = 2 ** 24; // three operands of 128 MiB
  return { hot: rate(1), many: rate(shape.q), large: rate(largeWords / 2 ** logN) };
}

export interface Bound {
  readonly arithmeticMs: number;
  readonly memoryMs: number;
}

/** The least time the work can take: its multiplications at the measured rate, its bytes at the stream's rate. */
export function boundOf(
  work: Work,
  build: BuildName,
  n: number,
  threads: number,
  rates: { readonly multiplies: number; readonly stream: number },
): Bound {
  const { butterfly, product, accumulation } = arithmetic[build];
  const multiplies =
    (work.ntts ?? 0) * (n / 2) * Math.log2(n) * butterfly +
    (work.products ?? 0) * n * product +
    (work.accumulations ?? 0) * n * accumulation;
  return {
    arithmeticMs: (1000 * multiplies) / (rates.multiplies * threads),
    memoryMs: (1000 * 8 * n * work.limbsMoved) / rates.stream,
  };
}

/** The bound's derivation, for people. */
export function derivation(build: BuildName, multiplies: number): string {
  const { instruction, butterfly, product, accumulation, lanes } = arithmetic[build];
  return (
    `${build}: ${(multiplies / 1e9).toFixed(2)} G lane products/s a thread (${(multiplies / lanes / 1e9).toFixed(2)} G ` +
    `${instruction}/s x ${lanes} lanes, measured on independent chains in registers); a butterfly takes ${butterfly}, ` +
    `a modular product ${product}, a term of a sum ${accumulation}; a transform has N/2 log2 N butterflies`
  );
}
