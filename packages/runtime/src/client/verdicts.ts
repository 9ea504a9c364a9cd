import { KeyUseError, ResultError, type ResultFault } from '../errors.ts';

// A server that picks ciphertexts learns of the key by its owner's reactions: "out of range" or not is one bit, and some
// 6 N of them are the whole secret. That comes with CKKS. So reactions are counted, for the key's whole life, before anybody sees them.

/** Results that no honest server makes, after which a key is locked for good. */
export const dishonestLimit = 3;
/** Examples out of range, after each of which the owner is asked. */
export const outOfRangeStep = 256;

/** What of a key's use was counted. No count ever falls. */
export interface VerdictCounts {
  /** Results that no server makes which runs the program. */
  readonly dishonest: number;
  /** Examples found out of range. */
  readonly outOfRange: number;
  /** So many of them are allowed so far. */
  readonly allowed: number;
}

/** One addition to the counts; `allowed` is the new number. */
export type VerdictEntry =
  | { readonly dishonest: number }
  | { readonly outOfRange: number }
  | { readonly allowed: number };

/** Keeps the counts of one key. */
export interface VerdictLedger {
  load(): Promise<VerdictCounts>;
  /** Adds an entry and gives the counts with it, when it is where neither a crash nor another process can undo it. */
  record(entry: VerdictEntry): Promise<VerdictCounts>;
}

export interface VerdictOptions {
  readonly ledger: VerdictLedger;
  /** Asks the owner whether the next `outOfRangeStep` examples out of range may be shown. Default: no. */
  readonly allowMore?: (counts: VerdictCounts) => boolean | Promise<boolean>;
  /**
   * Request and result are paired by a program that knows what it asked, not by a person who names files: then one that
   * does not belong is the server's doing, and counts as dishonest. Default: false.
   */
  readonly pairedByProgram?: boolean;
}

export const noVerdicts: VerdictCounts = { dishonest: 0, outOfRange: 0, allowed: outOfRangeStep };

/** The counts with an entry more. */
export function withEntry(counts: VerdictCounts, entry: VerdictEntry): VerdictCounts {
  if ('dishonest' in entry) return { ...counts, dishonest: counts.dishonest + entry.dishonest };
  if ('outOfRange' in entry) return { ...counts, outOfRange: counts.outOfRange + entry.outOfRange };
  return { ...counts, allowed: Math.max(counts.allowed, entry.allowed) };
}

/** Of two counts of one key, what both have counted at least. */
export function higherCounts(one: VerdictCounts, other: VerdictCounts): VerdictCounts {
  return {
    dishonest: Math.max(one.dishonest, other.dishonest),
    outOfRange: Math.max(one.outOfRange, other.outOfRange),
    allowed: Math.max(one.allowed, other.allowed),
  };
}

/** Counts that end with the process: for tests, and for who is client and server in one. */
export class MemoryVerdictLedger implements VerdictLedger {
  #counts: VerdictCounts;

  constructor(counts = noVerdicts) {
    this.#counts = counts;
  }

  async load(): Promise<VerdictCounts> {
    return this.#counts;
  }

  async record(entry: VerdictEntry): Promise<VerdictCounts> {
    this.#counts = withEntry(this.#counts, entry);
    return this.#counts;
  }
}

/** Lets the key be used where its counts allow it. @throws KeyUseError where they do not */
export async function requireUsableKey(options: VerdictOptions): Promise<void> {
  const counts = await options.ledger.load();
  if (counts.dishonest >= dishonestLimit) throw locked(counts);
  if (counts.outOfRange >= counts.allowed) await requireMore(counts, options);
}

/** Counts a result that was refused, before anybody hears of it. @returns the error to throw */
export async function countRefused(error: unknown, { ledger, pairedByProgram }: VerdictOptions): Promise<unknown> {
  if (!(error instanceof ResultError)) return error;
  const counted: readonly ResultFault[] = pairedByProgram ? ['dishonest', 'mismatched'] : ['dishonest'];
  if (!counted.includes(error.fault)) return error;
  const { dishonest } = await ledger.record({ dishonest: 1 });
  const next =
    dishonest >= dishonestLimit
      ? 'the key is locked now: make a new one (keygen), for a server you trust'
      : `after ${dishonestLimit} of them the key is locked`;
  return new ResultError(error.fault, `${error.message}. It is number ${dishonest}; ${next}`, { cause: error });
}

/** Counts examples out of range, before anybody hears of them. @throws KeyUseError where they are too many to be shown */
export async function countOutOfRange(examples: number, options: VerdictOptions): Promise<void> {
  if (examples === 0) return;
  const counts = await options.ledger.record({ outOfRange: examples });
  if (counts.outOfRange > counts.allowed) await requireMore(counts, options);
}

async function requireMore(counts: VerdictCounts, { ledger, allowMore }: VerdictOptions): Promise<void> {
  if (!(await allowMore?.(counts)))
    throw new KeyUseError(
      'outOfRange',
      `${counts.outOfRange} examples were found out of range with this key, ${counts.allowed} are allowed so far. A server that picks ` +
        'its results learns of the key from each one you react to: if so many are no surprise, allow more; otherwise make a new key (keygen)',
    );
  await ledger.record({ allowed: counts.outOfRange + outOfRangeStep });
}

function locked({ dishonest }: VerdictCounts): KeyUseError {
  return new KeyUseError(
    'locked',
    `this key is locked: it was given ${dishonest} results that no server makes which runs the program. ` +
      'Make a new key (keygen), for a server you trust',
  );
}
