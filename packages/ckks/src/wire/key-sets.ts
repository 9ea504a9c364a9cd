import { KeyError, OperandError, WireError } from '../errors/index.ts';
import {
  type Context,
  EvaluationKeys,
  type Parameters,
  type SwitchingKey,
  seedBytes,
  switchingKeyWords,
} from '../scheme/index.ts';
import { sameBytes } from './checksum.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { expectHeader, headerBytes, maxKeysInSet, type WireKind, writeHeader } from './header.ts';
import {
  describeKey,
  type KeyShape,
  readKeyDescription,
  readSwitchingKey,
  switchingKeyToWire,
  switchingKeyWireBytes,
} from './keys.ts';
import type { WireObject } from './object.ts';
import { reading, type SourceReader, type WireSource } from './source.ts';

/** What a bootstrap needs; circuits' BootstrapKeys is one. */
export interface BootstrapKeySet extends Disposable {
  readonly evaluation: EvaluationKeys;
  readonly toSparse: SwitchingKey;
  readonly toDense: SwitchingKey;
}

/** What a key is for, by number: part of the format. */
const roles = { relinearisation: 0, galois: 1, toSparse: 2, toDense: 3 } as const;

interface Entry {
  readonly role: number;
  readonly key: SwitchingKey;
}

export interface ReadKeysOptions {
  /** Refuse a set that takes more bytes of memory, from its list, before any is allocated. Default: no limit. */
  readonly maxBytes?: number;
  /** After each key. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * A set is its list, then each key as an object of its own: keys can be sent and kept one by one, and neither side ever
 * holds more of the set as bytes than one frame.
 */
export function evaluationKeysToWire(keys: EvaluationKeys): WireObject {
  return setToWire('evaluationKeys', keys.context, entriesOf(keys));
}

/** The keys of a bootstrap, likewise: those to and from the sparse secret first. */
export function bootstrapKeysToWire(keys: BootstrapKeySet): WireObject {
  const { evaluation, toSparse, toDense } = keys;
  return setToWire('bootstrapKeys', evaluation.context, [
    { role: roles.toSparse, key: toSparse },
    { role: roles.toDense, key: toDense },
    ...entriesOf(evaluation),
  ]);
}

/**
 * Reads a set: all of its list is checked before the first key is allocated.
 * Throws WireError for damaged data or keys of other parameters, KeyError for more memory than `maxBytes`.
 */
export function evaluationKeysFromWire(
  context: Context,
  source: WireSource,
  options: ReadKeysOptions = {},
): Promise<EvaluationKeys> {
  return reading(source, 'the evaluation keys', async (from) => {
    const set = new KeySetReader(context, 'evaluationKeys', options);
    try {
      await set.read(from);
      return set.evaluation;
    } catch (error) {
      set[Symbol.dispose]();
      throw error;
    }
  });
}

/** Reads the keys of a bootstrap; errors as `evaluationKeysFromWire`. */
export function bootstrapKeysFromWire(
  context: Context,
  source: WireSource,
  options: ReadKeysOptions = {},
): Promise<BootstrapKeySet> {
  return reading(source, 'the bootstrap keys', async (from) => {
    const set = new KeySetReader(context, 'bootstrapKeys', options);
    try {
      await set.read(from);
      const { evaluation, toSparse, toDense } = set;
      if (!toSparse || !toDense)
        throw new WireError('the set lacks the keys to or from the sparse secret: generate the bootstrap keys again');
      return { evaluation, toSparse, toDense, [Symbol.dispose]: () => set[Symbol.dispose]() };
    } catch (error) {
      set[Symbol.dispose]();
      throw error;
    }
  });
}

/** Bytes on the wire of a set with keys of these shapes, without making any of them. */
export function keySetWireBytes(parameters: Parameters, shapes: Iterable<KeyShape>): number {
  const seed = new Uint8Array(seedBytes);
  const list = new FieldWriter().u16(0);
  let bytes = 0;
  for (const shape of shapes) {
    list.u8(0).bytes(describeKey({ ...shape, galois: 1, seed }));
    bytes += switchingKeyWireBytes(parameters, shape);
  }
  return headerBytes(list.finish()) + bytes;
}

function entriesOf(keys: EvaluationKeys): Entry[] {
  return [...keys.all()].map((key) => ({ role: key.galois === 1 ? roles.relinearisation : roles.galois, key }));
}

function setToWire(kind: WireKind, context: Context, entries: readonly Entry[]): WireObject {
  if (entries.length > maxKeysInSet)
    throw new OperandError(`a set holds at most ${maxKeysInSet} keys, not ${entries.length}: write several sets`);
  const list = new FieldWriter().u16(entries.length);
  for (const { role, key } of entries) {
    context.require(key.context, `the key for automorphism ${key.galois}`);
    list.u8(role).bytes(describeKey(key));
  }
  const description = list.finish();
  const keys = entries.map(({ key }) => switchingKeyToWire(key));
  return {
    kind,
    bytes: headerBytes(description) + keys.reduce((sum, key) => sum + key.bytes, 0),
    async *[Symbol.asyncIterator]() {
      yield await writeHeader({ kind, digest: context.parameters.digest, bodyBytes: 0, description });
      for (const key of keys) yield* key;
    },
  };
}

/** Reads a set's list, checks all of it, then reads the keys. Owns them until they are handed out. */
class KeySetReader implements Disposable {
  readonly evaluation: EvaluationKeys;
  toSparse: SwitchingKey | undefined;
  toDense: SwitchingKey | undefined;
  readonly #context: Context;
  readonly #kind: 'evaluationKeys' | 'bootstrapKeys';
  readonly #options: ReadKeysOptions;

  constructor(context: Context, kind: 'evaluationKeys' | 'bootstrapKeys', options: ReadKeysOptions) {
    this.#context = context;
    this.#kind = kind;
    this.#options = options;
    this.evaluation = new EvaluationKeys(context);
  }

  async read(from: SourceReader): Promise<void> {
    const { parameters } = this.#context;
    const { header } = await expectHeader(from, this.#kind, parameters.digest);
    if (header.bodyBytes !== 0) throw new WireError('a set of keys claims residues of its own: it is damaged');
    const list = this.#list(header.description);
    for (const [i, { role, description }] of list.entries()) {
      const key = await readSwitchingKey(from, this.#context, (found) => {
        if (!sameBytes(found, description))
          throw new WireError(
            `key ${i + 1} of ${list.length} is not the one that the set lists: keys are missing or out of order`,
          );
      });
      this.#put(role, key);
      this.#options.progress?.(i + 1, list.length);
    }
  }

  #list(description: Uint8Array): { role: number; description: Uint8Array }[] {
    const { parameters } = this.#context;
    const fields = new FieldReader(description, 'a set of keys');
    const count = fields.u16();
    const entries: { role: number; description: Uint8Array }[] = [];
    const known = new Set<string>();
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const role = fields.u8();
      const from = fields.position;
      const { level, gadget, galois } = readKeyDescription(fields, parameters);
      const wrong = this.#wrong(role, { level, gadget }, galois);
      if (wrong) throw new WireError(`key ${i + 1} of ${count} in the list ${wrong}: the set is damaged`);
      const name = `${role}/${galois}/${role >= roles.toSparse ? '' : `${level}/${gadget.special}`}`;
      if (known.has(name))
        throw new WireError(`key ${i + 1} of ${count} in the list is there twice: the set is damaged`);
      known.add(name);
      bytes += 8 * switchingKeyWords(parameters.n, level, gadget);
      entries.push({ role, description: fields.since(from) });
    }
    fields.end();
    const { maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    if (bytes > maxBytes) {
      throw new KeyError(
        `the set's ${count} keys take ${bytes} bytes of memory, at most ${maxBytes} are allowed here: ` +
          'generate only the keys that the program lists, or raise the limit',
      );
    }
    return entries;
  }

  /** What does not fit about a key in the list. */
  #wrong(role: number, { level, gadget }: KeyShape, galois: number): string | undefined {
    if (role > roles.toDense || (role >= roles.toSparse && this.#kind === 'evaluationKeys')) return `has role ${role}`;
    if ((role === roles.galois) !== (galois !== 1)) return `has role ${role} with automorphism ${galois}`;
    // The sparse secret is secure under q0 and one special prime only.
    if (role === roles.toSparse && (level !== 0 || gadget.special !== 1))
      return `switches to the sparse secret at level ${level} with ${gadget.special} special primes, not at level 0 with one`;
    return undefined;
  }

  #put(role: number, key: SwitchingKey): void {
    if (role === roles.relinearisation) this.evaluation.addRelinearisation(key);
    else if (role === roles.galois) this.evaluation.addGalois(key);
    else if (role === roles.toSparse) this.toSparse = key;
    else this.toDense = key;
  }

  [Symbol.dispose](): void {
    for (const owned of [this.evaluation, this.toSparse, this.toDense]) owned?.[Symbol.dispose]();
  }
}
