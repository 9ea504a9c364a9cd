import { OperandError } from '../errors/index.ts';

/**
 * Residues modulo p as a stream of `residueBits(p)` bits each, least significant bit first: 50-bit primes take 50 bits
 * on the wire and 64 in memory. N is a multiple of 32, so every limb fills whole 32-bit words and none shares a word
 * with the next. Residues are pairs of 32-bit words: 64-bit integers would be boxed by JavaScript.
 */
export function residueBits(p: number): number {
  return BigInt(p - 1).toString(2).length;
}

/** Bytes of one packed limb. */
export function limbBytes(n: number, p: number): number {
  return (n * residueBits(p)) / 8;
}

/**
 * Packs residues modulo p.
 * @param words residues: little-endian, low word before high word
 * @param out exactly `limbBytes` bytes
 * @throws OperandError for a word with more bits than p has: memory that holds no residues
 */
export function packResidues(words: Uint32Array, out: Uint32Array, p: number): void {
  const bits = residueBits(p);
  checkSizes(words, out, bits);
  const excess = bits > 32 ? packWide(words, out, bits - 32) : packNarrow(words, out, bits);
  if (excess !== 0) throw new OperandError(`a residue does not fit the ${bits} bits of its prime ${p}`);
}

/**
 * The inverse, for one limb. Returns the index of the first residue that is p or larger, -1 when all are below. Objects
 * are read by kernel operation unpackResidues, ten times as fast; this is the second implementation its tests compare.
 */
export function unpackResidues(packed: Uint32Array, words: Uint32Array, p: number): number {
  const bits = residueBits(p);
  checkSizes(words, packed, bits);
  return bits > 32 ? unpackWide(packed, words, bits - 32, p) : unpackNarrow(packed, words, bits, p);
}

function checkSizes(words: Uint32Array, packed: Uint32Array, bits: number): void {
  if (words.length % 64 !== 0 || packed.length * 64 !== words.length * bits) {
    throw new OperandError(
      `${words.length / 2} residues of ${bits} bits do not pack into ${packed.length} words of 32 bits`,
    );
  }
}

// In all four loops `hold` keeps the `held` < 32 bits between two words. x >>> (32 - held) is written
// (x >>> 1) >>> (31 - held), because JavaScript takes shift counts modulo 32.

/** Residues of 32 + extra bits: the low word keeps `held` as it is, the high word moves it. */
function packWide(words: Uint32Array, out: Uint32Array, extra: number): number {
  let hold = 0;
  let held = 0;
  let at = 0;
  let seen = 0;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    const high = words[i + 1]!;
    seen |= high;
    out[at++] = hold | (low << held);
    hold = ((low >>> 1) >>> (31 - held)) | (high << held);
    held += extra;
    if (held >= 32) {
      out[at++] = hold;
      held -= 32;
      hold = high >>> (extra - held);
    }
  }
  return seen >>> extra;
}

function unpackWide(packed: Uint32Array, words: Uint32Array, extra: number, p: number): number {
  const mask = 2 ** extra - 1;
  const highest = Math.floor(p / 2 ** 32);
  const lowLimit = p % 2 ** 32;
  let hold = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < words.length; i += 2) {
    const word = packed[at++]!;
    const low = (hold | (word << held)) >>> 0;
    const rest = (word >>> 1) >>> (31 - held);
    let high: number;
    if (held >= extra) {
      high = rest & mask;
      hold = rest >>> extra;
      held -= extra;
    } else {
      const next = packed[at++]!;
      high = (rest | (next << held)) & mask;
      hold = next >>> (extra - held);
      held += 32 - extra;
    }
    if (high >= highest && (high > highest || low >= lowLimit)) return i / 2;
    words[i] = low;
    words[i + 1] = high;
  }
  return -1;
}

/** Residues of up to 32 bits: only small test primes. */
function packNarrow(words: Uint32Array, out: Uint32Array, bits: number): number {
  let hold = 0;
  let held = 0;
  let at = 0;
  let seen = 0;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    seen |= words[i + 1]! | ((low >>> 1) >>> (bits - 1));
    hold |= low << held;
    held += bits;
    if (held >= 32) {
      out[at++] = hold;
      held -= 32;
      hold = held === 0 ? 0 : low >>> (bits - held);
    }
  }
  return seen;
}

function unpackNarrow(packed: Uint32Array, words: Uint32Array, bits: number, p: number): number {
  const mask = 2 ** bits - 1;
  let hold = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < words.length; i += 2) {
    let low: number;
    if (held >= bits) {
      low = (hold & mask) >>> 0;
      hold >>>= bits;
      held -= bits;
    } else {
      const next = packed[at++]!;
      low = ((hold | (next << held)) & mask) >>> 0;
      const used = bits - held;
      hold = used === 32 ? 0 : next >>> used;
      held = 32 - used;
    }
    if (low >= p) return i / 2;
    words[i] = low;
    words[i + 1] = 0;
  }
  return -1;
}
