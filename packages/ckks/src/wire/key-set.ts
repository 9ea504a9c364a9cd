import type { OnProgress } from '@cipherformer/base';
import { WireError } from '../errors/index.ts';
import { Slab } from '../kernels/index.ts';
import {
  type Context,
  EvaluationKeys,
  expandUniform,
  gadgetOf,
  type KeySpec,
  SwitchingKey,
  seedBytes,
} from '../scheme/index.ts';
import { sameBytes } from './checksum.ts';
import { type KeyPart, KeyPartReader, keyParts, nameOfPart } from './key-parts.ts';

/** The keys of a program: those of a bootstrap, too, where it has one. */
export interface KeySet extends Disposable {
  readonly evaluation: EvaluationKeys;
  readonly toSparse: SwitchingKey | undefined;
  readonly toDense: SwitchingKey | undefined;
  /** In memory, both halves. */
  readonly bytes: number;
}

export interface ReadKeySetOptions {
  /** After each part. */
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Gives the bytes of a part, its SHA-256 checked. */
export type PartSource = (part: KeyPart, index: number) => Promise<Uint8Array>;

/**
 * Reads keys part by part into memory and expands their uniform halves. Cost: keyMemoryBytes of the specs.
 * @throws WireError for parts that are not the expected ones; the signal's reason
 */
export async function readKeySet(
  context: Context,
  specs: readonly KeySpec[],
  source: PartSource,
  options: ReadKeySetOptions = {},
): Promise<KeySet> {
  const set = new OwnedKeys(context);
  try {
    await eachPart(context, specs, source, options, (spec) => set.add(spec));
    return set;
  } catch (error) {
    set[Symbol.dispose]();
    throw error;
  }
}

/**
 * Checks every part of a set without keeping any: shapes, seeds, residues.
 * Errors as `readKeySet`. Cost: memory of one digit.
 */
export async function verifyKeySet(
  context: Context,
  specs: readonly KeySpec[],
  source: PartSource,
  options: ReadKeySetOptions = {},
): Promise<void> {
  using digit = new Slab(context.kernels, context.ring.primes.length * context.ring.n);
  const target: DigitTarget = { b: () => digit.address(), ready() {} };
  await eachPart(context, specs, source, options, () => target);
}

/** Where the digits of one key go. */
interface DigitTarget {
  /** Address of the b half of a digit. */
  b(digit: number): number;
  /** All limbs of a digit are there. */
  ready(digit: number, seed: Uint8Array): void;
}

async function eachPart(
  context: Context,
  specs: readonly KeySpec[],
  source: PartSource,
  { progress, signal }: ReadKeySetOptions,
  begin: (spec: KeySpec) => DigitTarget,
): Promise<void> {
  const parts = keyParts(context.parameters, specs);
  using reader = new KeyPartReader(context);
  let target: DigitTarget | undefined;
  let seed: Uint8Array | undefined;
  for (const [index, part] of parts.entries()) {
    signal?.throwIfAborted();
    const bytes = await source(part, index);
    const before = parts[index - 1];
    if (before?.spec !== part.spec) target = begin(part.spec);
    const where = `part ${index + 1} of ${parts.length} of the evaluation keys`;
    const found = reader.read(bytes, part, target!.b(part.digit), where);
    if (part.from > 0 && !sameBytes(found, seed!))
      throw new WireError(`${where} has another seed than the rest of ${nameOfPart(part)}: make the keys again`);
    seed = found;
    const next = parts[index + 1];
    if (next?.spec !== part.spec || next.digit !== part.digit) target!.ready(part.digit, found);
    progress?.({ what: 'keys', done: index + 1, total: parts.length });
  }
}

/** Owns the keys as they are read. */
class OwnedKeys implements KeySet {
  readonly evaluation: EvaluationKeys;
  toSparse: SwitchingKey | undefined;
  toDense: SwitchingKey | undefined;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
    this.evaluation = new EvaluationKeys(context);
  }

  get bytes(): number {
    return this.evaluation.bytes + (this.toSparse?.bytes ?? 0) + (this.toDense?.bytes ?? 0);
  }

  /** Makes room for a key and says where it goes. */
  add(spec: KeySpec): DigitTarget {
    const gadget = gadgetOf(this.#context.parameters, spec);
    const seeds = gadget.digitSizes.map(() => new Uint8Array(seedBytes));
    const key = new SwitchingKey(this.#context, spec.level, gadget, spec.galois, seeds);
    this.#put(spec, key);
    return {
      b: (digit) => key.half(digit, 0),
      ready: (digit, seed) => {
        seeds[digit]!.set(seed);
        expandUniform(this.#context, key.half(digit, 1), seed, 0, key.basis);
      },
    };
  }

  #put(spec: KeySpec, key: SwitchingKey): void {
    if (spec.role === 'relinearisation') this.evaluation.addRelinearisation(key);
    else if (spec.role === 'galois') this.evaluation.addGalois(key);
    else if (spec.role === 'toSparse') this.toSparse = key;
    else this.toDense = key;
  }

  [Symbol.dispose](): void {
    for (const owned of [this.evaluation, this.toSparse, this.toDense]) owned?.[Symbol.dispose]();
  }
}
