// A second implementation of the samplers, from the keystream of node:crypto, one decision at a time and with branches:
// what all kernel builds must equal.
import { createCipheriv } from 'node:crypto';

/** Words of a seed's stream: AES-256 of the blocks (stream, 0), (stream, 1), ..., both halves little-endian. */
export function keystreamWords(seed: Uint8Array, stream: number, count: number): BigUint64Array {
  const blocks = Math.ceil(count / 2);
  const counters = new BigUint64Array(2 * blocks);
  for (let i = 0; i < blocks; i += 1) {
    counters[2 * i] = BigInt(stream);
    counters[2 * i + 1] = BigInt(i);
  }
  const cipher = createCipheriv('aes-256-ecb', seed, null);
  cipher.setAutoPadding(false);
  const bytes = cipher.update(new Uint8Array(counters.buffer));
  return new BigUint64Array(new Uint8Array(bytes).buffer).slice(0, count);
}

/** The words of a stream without an end: asks for twice as many when they run out. */
function* endless(seed: Uint8Array, stream: number): Generator<bigint, never> {
  for (let from = 0, to = 1024; ; from = to, to *= 2) {
    const words = keystreamWords(seed, stream, to);
    for (let i = from; i < to; i += 1) yield words[i]!;
  }
}

export function uniform(seed: Uint8Array, stream: number, n: number, p: bigint): bigint[] {
  const bits = p.toString(2).length;
  const result: bigint[] = [];
  for (const word of endless(seed, stream)) {
    if (result.length === n) break;
    const value = BigInt.asUintN(bits, word);
    if (value < p) result.push(value);
  }
  return result;
}

export function ternary(seed: Uint8Array, stream: number, n: number): number[] {
  const result: number[] = [];
  for (const word of endless(seed, stream)) {
    if (result.length >= n) break;
    for (let field = 0n; field < 32n; field += 1n) {
      const value = Number((word >> (2n * field)) & 3n);
      if (value < 3) result.push(value - 1);
    }
  }
  return result.slice(0, n);
}

export function sparseTernary(seed: Uint8Array, stream: number, n: number, weight: number): number[] {
  const result = new Array<number>(n).fill(0);
  let placed = 0;
  for (const word of endless(seed, stream)) {
    if (placed === weight) break;
    const position = Number(word % BigInt(n));
    if (result[position] !== 0) continue;
    result[position] = word >> 63n === 1n ? -1 : 1;
    placed += 1;
  }
  return result;
}

function ones(x: number): number {
  let count = 0;
  for (let rest = x; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** Centred binomial: ones among the low `eta` bits minus ones among the next `eta`. */
export function binomial(seed: Uint8Array, stream: number, n: number, eta = 21): number[] {
  const width = BigInt(eta);
  return Array.from(
    keystreamWords(seed, stream, n),
    (word) => ones(Number(BigInt.asUintN(eta, word))) - ones(Number(BigInt.asUintN(eta, word >> width))),
  );
}

/**
 * The shape of the kernels' Gaussian with this machine's Math.log, Math.cos and Math.sin: within one unit of the
 * kernels' values, plus 2^-46 of their size.
 */
export function gaussian(seed: Uint8Array, stream: number, n: number, milliLog2Sigma: number): number[] {
  const words = keystreamWords(seed, stream, 2 * n);
  const k = milliLog2Sigma >= 3000 ? BigInt(Math.floor(milliLog2Sigma / 1000) - 2) : 0n;
  const width = 2n ** k;
  const s = Math.sqrt(2 ** (milliLog2Sigma / 500) - Number(width) ** 2 / 12);
  const result: number[] = [];
  for (let i = 0; i < 2 * n; i += 4) {
    const radius = s * Math.sqrt(-2 * Math.log((Number(words[i]! >> 12n) + 0.5) / 2 ** 52));
    const angle = (2 * Math.PI * Number(words[i + 1]! >> 11n)) / 2 ** 53;
    for (const [normal, dither] of [
      [Math.cos(angle), words[i + 2]!],
      [Math.sin(angle), words[i + 3]!],
    ] as const) {
      const rounded = k > 0n ? Math.ceil(radius * normal) : Math.round(radius * normal);
      result.push(rounded + Number(dither % width) - Math.floor(Number(width) / 2));
    }
  }
  return result;
}
