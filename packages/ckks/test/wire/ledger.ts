// What a seed was used for: an error that served two messages gives their difference away, so a second one throws.
import { createHash } from 'node:crypto';
import { digitInfo, gadgetOf, type KeyDigits, type KeySpec, type SecretKey, secretPaths } from '../../src/index.ts';

export class Ledger {
  readonly #uses = new Map<string, string>();

  get size(): number {
    return this.#uses.size;
  }

  /** Makes a digit and notes the hash of its b half beside the seeds of both halves. */
  make(key: SecretKey, digits: KeyDigits, spec: KeySpec, digit: number): void {
    const { parameters, kernels, ring } = key.context;
    const gadget = gadgetOf(parameters, spec);
    const { address, seed } = digits.make(spec, digit);
    const limbs = spec.level + 1 + spec.special;
    const hash = createHash('sha256')
      .update(kernels.view(address, 8 * limbs * ring.n))
      .digest('hex');
    const of = { ...spec, ...secretPaths(parameters, spec), gadget, digit };
    this.note(key.derive(digitInfo(parameters, { ...of, half: 'e' })), hash);
    this.note(seed, hash);
  }

  note(seed: Uint8Array, message: string): void {
    const name = Buffer.from(seed).toString('hex');
    const known = this.#uses.get(name);
    if (known !== undefined && known !== message) throw new Error(`the seed ${name} serves a second message`);
    this.#uses.set(name, message);
  }
}
