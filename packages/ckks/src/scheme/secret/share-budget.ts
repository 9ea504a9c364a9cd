import { apart, decimals } from '@cipherformer/base';
import { OperandError } from '../../errors/index.ts';
import type { SecretKey } from './secret-key.ts';

/** What is asked for when a result is shared. */
export interface ShareRequest {
  /** Names the decrypted polynomial. */
  readonly content: string;
  /** How many results under the key are ever shared. */
  readonly shares: number;
  /** Statistical security of all of them together that the noise of this one allows. */
  readonly securityBits: number;
  /** How many were shared before, as far as the caller knows. */
  readonly sharesUsed: number;
}

/** By key, not by object: a key that is read twice has one budget. */
const budgets = new Map<string, ShareBudget>();

/**
 * The results that may be shared under one secret key. The noise of each is sized for a number of them, which therefore
 * belongs to the key: it is declared with the first result and used up, whichever ciphertexts, decryptors or copies of
 * the key the results come from. The count lives in the memory of a process: whoever shares from several keeps it.
 */
export class ShareBudget {
  readonly #contents = new Set<string>();
  #declared: { readonly shares: number; readonly securityBits: number } | undefined;
  #used = 0;

  /** The budget of this key in this process. */
  static of(secret: SecretKey): ShareBudget {
    const { id } = secret;
    const known = budgets.get(id) ?? new ShareBudget();
    budgets.set(id, known);
    return known;
  }

  /**
   * Uses up one result. Returns how many are used then, and the security of all of them.
   * @throws OperandError, and uses up nothing, for a result that was shared already, another declaration than the first
   * one, and when none is left
   */
  take({ content, shares, securityBits, sharesUsed }: ShareRequest): { sharesUsed: number; securityBits: number } {
    if (this.#contents.has(content)) {
      throw new OperandError(
        'this result was shared already, and the mean of two answers has less noise than either: pass the first one on',
      );
    }
    const declared = this.#declared ?? { shares, securityBits };
    if (shares !== declared.shares) {
      throw new OperandError(
        `shares is ${shares}, but the first result under this key was shared with shares ${declared.shares}, which its noise was sized for: ` +
          `use ${declared.shares} for every result, or a new key`,
      );
    }
    if (securityBits < declared.securityBits) {
      const [allowed, promised] = apart(securityBits, declared.securityBits, decimals, 1);
      throw new OperandError(
        `this noise allows ${allowed} bits of security, but the first result under this key promised ${promised} for all of them: ` +
          'ask for at least as many, or use a new key',
      );
    }
    const used = Math.max(this.#used, sharesUsed);
    if (used >= shares) {
      throw new OperandError(
        `all ${shares} results of this key were shared already: declare more shares with the first one of a new key, each of them with more noise`,
      );
    }
    this.#declared = declared;
    this.#contents.add(content);
    this.#used = used + 1;
    return { sharesUsed: this.#used, securityBits: declared.securityBits };
  }
}
