import { type OnProgress, toHex } from '@cipherformer/base';
import {
  KeyError,
  type KeyPart,
  KeyPartMaker,
  type KeySpec,
  nameOfPart,
  type SecretKey,
  sha256,
} from '@cipherformer/ckks';

// Where the secret key is: evaluation keys made part by part, by whoever sends or keeps them.

/** The digests of parts that were made before, by the part's name: kept beside the secret, so that nothing is made twice. */
export interface PartMemory {
  get(part: string): string | undefined;
  set(part: string, sha256: string): void;
}

export interface MadePart {
  readonly part: KeyPart;
  /** In hexadecimal: its name wherever it is kept. */
  readonly sha256: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface MakePartsOptions {
  /** SHA-256 of parts that are where they should be: not made again where the memory knows them. */
  readonly present?: ReadonlySet<string>;
  /** After each part, made or skipped. */
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Memory for the next part, `maxPartBytes` at least: what it held before is overwritten. Default: fresh for each. */
  readonly buffer?: () => ArrayBuffer;
}

/**
 * Makes the parts of a plan that are not present, in order, one at a time: the receiver takes one before the next is made.
 * Cost: memory of one digit; processor time of the keys that are not present.
 * @throws KeyError for a secret of version 1, or where a part is not the one that the memory knows; the signal's reason
 */
export async function* makeParts(
  secret: SecretKey,
  specs: readonly KeySpec[],
  memory: PartMemory,
  { present = new Set(), progress, signal, buffer }: MakePartsOptions = {},
): AsyncGenerator<MadePart> {
  using maker = new KeyPartMaker(secret, specs);
  for (const [i, part] of maker.parts.entries()) {
    signal?.throwIfAborted();
    const name = nameOfPart(part);
    const known = memory.get(name);
    if (known === undefined || !present.has(known)) {
      const bytes = maker.make(part, buffer?.());
      const digest = toHex(await sha256(bytes));
      if (known !== undefined && known !== digest)
        throw new KeyError(
          `part ${name} of the evaluation keys was ${known.slice(0, 12)} before and is ${digest.slice(0, 12)} now: one seed would serve two messages; make a new secret key, and report this`,
        );
      memory.set(name, digest);
      if (!present.has(digest)) yield { part, sha256: digest, bytes };
    }
    progress?.({ what: 'keys', done: i + 1, total: maker.parts.length });
  }
}

/** A memory that lasts as long as the process. */
export class VolatilePartMemory implements PartMemory {
  readonly #digests = new Map<string, string>();

  get(part: string): string | undefined {
    return this.#digests.get(part);
  }

  set(part: string, sha256: string): void {
    this.#digests.set(part, sha256);
  }
}
