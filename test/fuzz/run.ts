import { Random } from '../../packages/nn/src/random.ts';
import { type Reader, runCase } from './reader.ts';

/** A case whose answer was wrong, with the bytes that show it. */
export interface Failure {
  readonly reader: string;
  /** The number of the case, which with the seed gives its bytes again while the reader's seeds are the same. */
  readonly number: number;
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface BatchResult {
  readonly accepted: number;
  readonly refused: number;
  readonly slowestSeconds: number;
  readonly failures: readonly Failure[];
}

/** Processor time that one case may take: what takes longer does not end in the time that a person waits. */
const mostSeconds = 5;

/**
 * Runs the cases [from, from + count) of a reader.
 * @param starting called before each case with its number
 */
export async function runBatch(
  reader: Reader,
  seed: number,
  from: number,
  count: number,
  starting: (number: number) => void = () => {},
): Promise<BatchResult> {
  let accepted = 0;
  let slowestSeconds = 0;
  const failures: Failure[] = [];
  for (let number = from; number < from + count; number++) {
    starting(number);
    const before = process.cpuUsage();
    const outcome = await runCase(reader, Random.derive(seed, reader.name, number));
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    slowestSeconds = Math.max(slowestSeconds, seconds);
    if (outcome.accepted) accepted += 1;
    const what = outcome.failure ?? (seconds > mostSeconds ? `took ${seconds.toFixed(1)} s` : undefined);
    if (what !== undefined) failures.push({ reader: reader.name, number, what, bytes: outcome.bytes });
  }
  return { accepted, refused: count - accepted, slowestSeconds, failures };
}
