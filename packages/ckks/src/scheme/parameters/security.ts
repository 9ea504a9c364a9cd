import { apart, decimals } from '@cipherformer/base';
import { ParameterError } from '../../errors/index.ts';

/**
 * The largest log2(QP) that leaves 128 bits of classical security for a uniform ternary secret and error of standard
 * deviation 3.19 or more. The stricter of: Bossuat et al., "Security Guidelines for Implementing Homomorphic
 * Encryption" (IACR CiC 2024), table 5.2; Albrecht et al., "Homomorphic Encryption Standard" (2018), table 1.
 */
const maxLogQP: Readonly<Record<number, number>> = { 12: 106, 13: 214, 14: 430, 15: 868, 16: 1747, 17: 3523 };

/**
 * Whether less than 128-bit security is accepted: an argument that the caller's own code writes, for tests. Only `true`
 * counts, and nothing that is read (literals, manifests, wire objects, an environment) can stand for it.
 */
export interface SecurityOptions {
  readonly insecure?: boolean | undefined;
}

/** A sparse ephemeral secret of this weight lives under q0 and one special prime only (Bossuat et al., ACNS 2022). */
export const ephemeralWeight = 32;
/** Largest log2(q0 P') for the ephemeral secret at N = 2^16 and above: ACNS 2022, table 2 (h = 32, N = 2^16: 115). */
export const maxEphemeralLogQP = 115;
/**
 * The smallest ring for the ephemeral secret. Multiplying by X turns one guess at its ones into 2N of them, which costs
 * up to 15 bits (ePrint 2026/279): 167 bits remain at N = 2^16 and log2(q0 P) = 100, 139 at 2^15, 113 at 2^14. Larger
 * rings only hide the ones better. Rings below 2^16 are refused whatever their figure: table 2 has no row for them.
 */
export const minEphemeralLogN = 16;

/** The largest log2(QP) at 128-bit security for ring degree 2^logN; 0 where no modulus is secure. */
export function secureLogQP(logN: number): number {
  return maxLogQP[logN] ?? 0;
}

/** log2 of the smallest ring degree that is secure at this log2(QP); undefined where none is. */
export function smallestSecureLogN(logQP: number): number | undefined {
  return Object.keys(maxLogQP)
    .map(Number)
    .sort((a, b) => a - b)
    .find((logN) => secureLogQP(logN) >= logQP);
}

/**
 * Refuses a sparse secret of another weight than the ephemeral one's, and that one in any basis but the small one it is
 * secure in.
 */
export function checkEphemeralBasis(logN: number, logQP: number, weight = ephemeralWeight): void {
  if (weight !== ephemeralWeight) {
    throw new ParameterError(
      `a sparse secret of weight ${weight} is not known to be secure anywhere: use a dense one (no weight), or for a bootstrap one of weight ${ephemeralWeight}`,
    );
  }
  if (logQP > maxEphemeralLogQP || logN < minEphemeralLogN) {
    const [size, limit] = apart(logQP, maxEphemeralLogQP, decimals, 1);
    throw new ParameterError(
      `a secret of weight ${ephemeralWeight} at N = 2^${logN} is secure only up to log2(q0 P) = ${limit} and from N = 2^${minEphemeralLogN}, ` +
        `not at ${size}: use it for the key that switches to it, with q0 and one special prime only`,
    );
  }
}
