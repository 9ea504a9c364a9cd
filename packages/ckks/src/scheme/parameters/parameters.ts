import { apart, decimals } from '@cipherformer/base';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { checkWhole } from '../../errors/checks.ts';
import { OperandError, ParameterError } from '../../errors/index.ts';
import { type Basis, maxPrimeBits, takePrimes } from '../../ring/index.ts';
import { type SecurityOptions, secureLogQP, smallestSecureLogN } from './security.ts';

/** What a person writes down; nothing is trusted until `Parameters.from` has checked it. */
export interface ParametersLiteral {
  /** log2 of the ring degree N; N/2 complex slots. */
  readonly logN: number;
  /** Bits of the primes of the modulus chain, q0 first; level l uses the first l + 1 of them. At most 50 each. */
  readonly chainBits: readonly number[];
  /** Bits of the special primes of key switching. */
  readonly specialBits: readonly number[];
  /** log2 of the default scale of encoded values. */
  readonly scaleBits: number;
}

/** How a level's polynomial is cut for key switching: with which special primes, into which runs of limbs. */
export interface Gadget {
  /** Special primes used: the first `special` of the parameters'. */
  readonly special: number;
  /** Limbs of each digit at the gadget's own level; a lower level uses a prefix, its last digit cut short. */
  readonly digitSizes: readonly number[];
}

const log2Big = (primes: readonly number[]) => primes.reduce((sum, p) => sum + Math.log2(p), 0);

/** What the kernels convert at once: special primes, and limbs of a digit. */
export const maxSpecialPrimes = 14;
/** More primes than a useful set has: 3523 bits, the most at N = 2^17, are 128 primes of 27 bits. */
const maxPrimes = 128;

function checkList(name: string, bits: readonly number[], fix: string): void {
  if (!Array.isArray(bits)) throw new ParameterError(`${name} must be a list of bit lengths, not ${bits}: ${fix}`);
  if (bits.length === 0) throw new ParameterError(`${name} is empty: ${fix}`);
}

/** Checked, immutable parameters: primes chosen, security verified. Two equal literals give equal parameters. */
export class Parameters {
  readonly literal: ParametersLiteral;
  readonly logN: number;
  readonly n: number;
  /** Number of complex slots, N/2. */
  readonly maxSlots: number;
  /** q0 ... qL, then the special primes: a ring's primes, in the order of all bases. */
  readonly primes: readonly number[];
  /** L: fresh values may start here. */
  readonly maxLevel: number;
  readonly specialCount: number;
  readonly scale: number;
  readonly logQP: number;
  /** Below 128 bits, as the caller of `from` accepted. Every report says so. */
  readonly insecure: boolean;
  /** SHA-256 over everything that must match between two parties, in hexadecimal. */
  readonly digest: string;
  readonly #gadgets = new Map<string, Gadget>();
  readonly #logQ: readonly number[];

  private constructor(literal: ParametersLiteral, primes: readonly number[]) {
    this.literal = literal;
    this.logN = literal.logN;
    this.n = 2 ** literal.logN;
    this.maxSlots = this.n / 2;
    this.primes = Object.freeze([...primes]);
    this.maxLevel = literal.chainBits.length - 1;
    this.specialCount = literal.specialBits.length;
    this.scale = 2 ** literal.scaleBits;
    this.logQP = log2Big(primes);
    let bits = 0;
    this.#logQ = this.primes.slice(0, this.maxLevel + 1).map((p) => (bits += Math.log2(p)));
    this.insecure = this.logQP > secureLogQP(literal.logN);
    this.digest = bytesToHex(
      sha256(
        utf8ToBytes(JSON.stringify(['ckks-1', literal.logN, literal.chainBits.length, primes, literal.scaleBits])),
      ),
    );
    Object.freeze(this);
  }

  /**
   * Checks a literal and chooses its primes.
   * @throws ParameterError with what to change, for less than 128-bit security too unless the caller accepts it
   */
  static from(literal: ParametersLiteral, options: SecurityOptions = {}): Parameters {
    checkWhole('logN', literal.logN, 4, 17);
    checkWhole('scaleBits', literal.scaleBits, 10, 60);
    checkList('chainBits', literal.chainBits, 'give at least the bits of q0');
    checkList('specialBits', literal.specialBits, 'key switching needs at least one special prime');
    const count = literal.chainBits.length + literal.specialBits.length;
    if (count > maxPrimes)
      throw new ParameterError(`${count} primes are too many: use at most ${maxPrimes}, fewer and larger ones`);
    for (const bits of [...literal.chainBits, ...literal.specialBits])
      checkWhole('the bits of a prime', bits, literal.logN + 2, maxPrimeBits);
    if (literal.specialBits.length > maxSpecialPrimes)
      throw new ParameterError(`at most ${maxSpecialPrimes} special primes, not ${literal.specialBits.length}`);
    const frozen: ParametersLiteral = Object.freeze({
      logN: literal.logN,
      chainBits: Object.freeze([...literal.chainBits]),
      specialBits: Object.freeze([...literal.specialBits]),
      scaleBits: literal.scaleBits,
    });
    const parameters = new Parameters(frozen, choosePrimes(frozen));
    parameters.requireSecurity(options);
    return parameters;
  }

  /** @throws ParameterError below 128-bit security, unless the caller accepts it */
  requireSecurity({ insecure }: SecurityOptions): void {
    if (!this.insecure || insecure === true) return;
    const needed = smallestSecureLogN(this.logQP);
    const [logQP, limit] = apart(this.logQP, secureLogQP(this.logN), decimals, 1);
    throw new ParameterError(
      `log2(QP) = ${logQP} at N = 2^${this.logN} is below 128-bit security (at most ${limit}): ` +
        `use fewer or smaller primes${needed === undefined ? '' : `, or logN ${needed}`}; a test may pass the argument insecure`,
    );
  }

  /** Ring-prime indices of a polynomial at `level`. */
  basis(level: number): Basis {
    return Array.from({ length: level + 1 }, (_, i) => i);
  }

  /** Ring-prime indices of the first `count` special primes. */
  specialBasis(count: number): Basis {
    return Array.from({ length: count }, (_, i) => this.maxLevel + 1 + i);
  }

  /** log2 of the modulus of a level. */
  logQ(level: number): number {
    return this.#logQ[level]!;
  }

  /** Asks for a level of these parameters. @throws OperandError for another */
  checkLevel(level: number): void {
    if (!Number.isInteger(level) || level < 0 || level > this.maxLevel)
      throw new OperandError(`level ${level} does not exist: these parameters have levels 0 to ${this.maxLevel}`);
  }

  /** The prime that rescaling from `level` divides by. */
  primeAt(level: number): number {
    return this.primes[level]!;
  }

  /** Security in words, for reports: in bits against classical computers, with the cost model; see security.ts. */
  get security(): string {
    return this.insecure
      ? 'INSECURE (below 128 bits: tests only)'
      : '128-bit classical (ternary secret; lattice estimator, MATZOV cost model)';
  }

  /**
   * The cheapest way to switch keys at `level`, counted in limb NTTs: few special primes need more digits, many make
   * every digit longer. Each digit's product stays below that of the special primes, which bounds the noise.
   */
  gadget(level: number): Gadget {
    this.checkLevel(level);
    let best: { gadget: Gadget; cost: number } | undefined;
    for (let special = 1; special <= this.specialCount; special++) {
      const gadget = this.gadgetWith(level, special);
      if (!gadget) continue;
      const cost = keySwitchTransforms(level, gadget);
      if (!best || cost < best.cost) best = { gadget, cost };
    }
    if (!best) {
      throw new ParameterError(
        `no prime of the chain may be larger than the special primes: raise specialBits to ${Math.max(...this.literal.chainBits)}`,
      );
    }
    return best.gadget;
  }

  /** The digits at `level` with exactly `special` special primes; undefined where a prime exceeds their product. */
  gadgetWith(level: number, special: number): Gadget | undefined {
    const key = `${level}/${special}`;
    const known = this.#gadgets.get(key);
    if (known) return known;
    const room = log2Big(this.primes.slice(this.maxLevel + 1, this.maxLevel + 1 + special));
    const digitSizes: number[] = [];
    let used = Number.POSITIVE_INFINITY;
    for (const prime of this.primes.slice(0, level + 1)) {
      const bits = Math.log2(prime);
      // A hundredth of a bit: primes of one size lie on both sides of the power of two.
      if (bits > room + 0.01) return undefined;
      if (used + bits > room + 0.01 || digitSizes.at(-1) === maxSpecialPrimes) {
        digitSizes.push(0);
        used = 0;
      }
      digitSizes[digitSizes.length - 1]! += 1;
      used += bits;
    }
    const gadget = Object.freeze({ special, digitSizes: Object.freeze(digitSizes) });
    this.#gadgets.set(key, gadget);
    return gadget;
  }
}

/** Digit sizes of a gadget cut to a lower level. */
export function digitSizesAt(gadget: Gadget, level: number): number[] {
  const sizes: number[] = [];
  let left = level + 1;
  for (const size of gadget.digitSizes) {
    if (left <= 0) break;
    sizes.push(Math.min(size, left));
    left -= size;
  }
  return sizes;
}

/** Limb NTTs of one whole key switch at `level`: decomposition, extension of the digits, division of two polynomials. */
export function keySwitchTransforms(level: number, gadget: Gadget): number {
  const limbs = level + 1;
  const sizes = digitSizesAt(gadget, level);
  const extension = sizes.reduce((sum, size) => sum + limbs + gadget.special - size, 0);
  return limbs + extension + 2 * (gadget.special + limbs);
}

function choosePrimes(literal: ParametersLiteral): number[] {
  const sizes = [...literal.chainBits, ...literal.specialBits];
  const taken = new Set<bigint>();
  const bySize = new Map<number, bigint[]>();
  for (const bits of new Set(sizes))
    bySize.set(bits, takePrimes(bits, literal.logN, sizes.filter((b) => b === bits).length, taken));
  return sizes.map((bits) => Number(bySize.get(bits)!.shift()!));
}
