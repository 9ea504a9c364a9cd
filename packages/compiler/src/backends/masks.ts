import type { Encoder, Plaintext } from '@cipherformer/ckks';
import type { SlotVector } from '../program/instructions.ts';

/** Encoded masks, the latest of them up to a limit of bytes. */
export class MaskCache implements Disposable {
  readonly #encoder: Encoder;
  readonly #masks: readonly SlotVector[];
  readonly #slots: number;
  readonly #limitBytes: number;
  readonly #held = new Map<string, Plaintext>();
  #bytes = 0;

  constructor(encoder: Encoder, masks: readonly SlotVector[], slots: number, limitBytes: number) {
    this.#encoder = encoder;
    this.#masks = masks;
    this.#slots = slots;
    this.#limitBytes = limitBytes;
  }

  /** A mask at a level and scale; valid until the next call. */
  get(mask: number, level: number, scale: number): Plaintext {
    const name = `${mask}/${level}/${scale}`;
    const held = this.#held.get(name);
    if (held) {
      // Most recently used last.
      this.#held.delete(name);
      this.#held.set(name, held);
      return held;
    }
    const plaintext = this.#encoder.encode(this.#masks[mask]!.values(), undefined, {
      level,
      scale,
      slots: this.#slots,
    });
    this.#held.set(name, plaintext);
    this.#bytes += plaintext.bytes;
    for (const [oldest, unused] of this.#held) {
      if (this.#bytes <= this.#limitBytes || oldest === name) break;
      this.#held.delete(oldest);
      this.#bytes -= unused.bytes;
      unused[Symbol.dispose]();
    }
    return plaintext;
  }

  [Symbol.dispose](): void {
    for (const plaintext of this.#held.values()) plaintext[Symbol.dispose]();
    this.#held.clear();
  }
}
