import { type ComplexVector, centred, DiagonalMatrix } from '../linear/diagonals.ts';

/**
 * The encoding transform as a product of sparse matrices, for CoeffsToSlots and SlotsToCoeffs (Cheon, Han, Hhan, SCN
 * 2019; Chen, Chillotti, Song, EUROCRYPT 2019). With n slots, decoding is B_n ... B_4 B_2 times a bit reversal; both
 * directions leave the reversal out, so that slots between them are in bit-reversed order, which EvalMod ignores.
 */

/**
 * One butterfly level over blocks of `length`: diagonals 0 and +- length / 2. For decoding every pair of values is
 * multiplied by (1, z; 1, -z), z a root of unity; for encoding by the inverse, half of (1, 1; 1/z, -1/z).
 */
function butterfly(slots: number, length: number, direction: 'decode' | 'encode'): DiagonalMatrix {
  const half = length / 2;
  const order = 4 * length;
  const diagonals = emptyDiagonals(slots, [0, half, -half]);
  let power = 1;
  for (let j = 0; j < half; j++, power = (5 * power) % order) {
    const angle = (2 * Math.PI * power) / order;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    for (let block = 0; block < slots; block += length) {
      const top = block + j;
      const bottom = top + half;
      if (direction === 'decode') {
        put(diagonals, slots, 0, top, 1, 0);
        put(diagonals, slots, half, top, c, s);
        put(diagonals, slots, -half, bottom, 1, 0);
        put(diagonals, slots, 0, bottom, -c, -s);
      } else {
        put(diagonals, slots, 0, top, 0.5, 0);
        put(diagonals, slots, half, top, 0.5, 0);
        put(diagonals, slots, -half, bottom, c / 2, -s / 2);
        put(diagonals, slots, 0, bottom, -c / 2, s / 2);
      }
    }
  }
  return new DiagonalMatrix(slots, diagonals);
}

function emptyDiagonals(slots: number, offsets: readonly number[]): Map<number, ComplexVector> {
  return new Map(
    offsets.map((d) => [centred(d, slots), { real: new Float64Array(slots), imag: new Float64Array(slots) }]),
  );
}

function put(
  diagonals: Map<number, ComplexVector>,
  slots: number,
  d: number,
  row: number,
  real: number,
  imag: number,
): void {
  const diagonal = diagonals.get(centred(d, slots))!;
  diagonal.real[row]! += real;
  diagonal.imag[row]! += imag;
}

/** How many butterfly levels each of `depth` matrices takes, the larger groups first. */
function groupLevels(logSlots: number, depth: number): number[] {
  const base = Math.floor(logSlots / depth);
  return Array.from({ length: depth }, (_, i) => base + (i < logSlots % depth ? 1 : 0));
}

/** SlotsToCoeffs: the matrices in the order of application; their product takes slots to (bit-reversed) coefficients. */
export function slotsToCoeffsMatrices(slots: number, depth: number): DiagonalMatrix[] {
  const matrices: DiagonalMatrix[] = [];
  let length = 1;
  for (const levels of groupLevels(Math.log2(slots), depth)) {
    let product: DiagonalMatrix | undefined;
    for (let i = 0; i < levels; i++) {
      length *= 2;
      const next = butterfly(slots, length, 'decode');
      product = product ? next.times(product) : next;
    }
    matrices.push(product!);
  }
  return matrices;
}

/** CoeffsToSlots: the inverse, in the order of application, every matrix multiplied by `factor`. */
export function coeffsToSlotsMatrices(slots: number, depth: number, factor = 1): DiagonalMatrix[] {
  const matrices: DiagonalMatrix[] = [];
  let length = slots;
  for (const levels of groupLevels(Math.log2(slots), depth)) {
    let product: DiagonalMatrix | undefined;
    for (let i = 0; i < levels; i++) {
      const next = butterfly(slots, length, 'encode');
      product = product ? next.times(product) : next;
      length /= 2;
    }
    matrices.push(product!.scaled(factor));
  }
  return matrices;
}

/** The non-zero diagonals of the matrices above, without their entries: for planning. */
export function transformDiagonals(
  slots: number,
  depth: number,
  direction: 'slotsToCoeffs' | 'coeffsToSlots',
): number[][] {
  let length = direction === 'slotsToCoeffs' ? 1 : slots;
  return groupLevels(Math.log2(slots), depth).map((levels) => {
    let offsets = new Set([0]);
    for (let i = 0; i < levels; i++) {
      if (direction === 'slotsToCoeffs') length *= 2;
      const half = length / 2;
      offsets = new Set([...offsets].flatMap((d) => [d, d + half, d - half].map((e) => centred(e, slots))));
      if (direction === 'coeffsToSlots') length /= 2;
    }
    return [...offsets].sort((a, b) => a - b);
  });
}
