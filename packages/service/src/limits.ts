import { z } from 'zod';

const days = 24 * 3600_000;
const positive = z.number().positive();

/**
 * What one owner may take, and all of them together. Owners on this machine, without a token, are held to the disk and to the
 * queue alone.
 */
export const limitsSchema = z.strictObject({
  /** Key sets of an owner. */
  keysets: positive.default(4),
  /** Bytes of keys of an owner. */
  ownerBytes: positive.default(32 * 2 ** 30),
  /** Bytes of keys of all strangers that asked for a token: beyond, the key sets of theirs that are idle longest go. */
  strangerBytes: positive.default(128 * 2 ** 30),
  /** Parts of an owner that arrive at the same time. */
  partsInFlight: positive.default(4),
  /** Jobs of an owner that wait or run. */
  jobs: positive.default(3),
  /** Predicted processor seconds of an owner and day (UTC), of jobs and of verifying keys. */
  cpuSecondsPerDay: positive.default(4 * 3600),
  /** Predicted processor seconds of all that waits. */
  queueCpuSeconds: positive.default(8 * 3600),
  /** How long keys are kept that no job uses. */
  keysDays: positive.default(30),
  /** How long results are kept. */
  resultHours: positive.default(24),
  /** How long a stranger's key set may be open without a part that arrives. */
  openMinutes: positive.default(60),
  /** Tokens that one address gets in an hour: an IPv4 address, or the first 64 bits of one of IPv6. */
  ownersPerHour: positive.default(5),
  /** Connections at the same time. */
  connections: positive.default(1024),
  /** Slowest pace of a body, once it has had ten seconds. */
  bytesPerSecond: positive.default(64 * 1024),
});
export type Limits = z.output<typeof limitsSchema>;

/** Times in milliseconds, from limits. */
export const keysMs = ({ keysDays }: Limits): number => keysDays * days;
export const resultMs = ({ resultHours }: Limits): number => resultHours * 3600_000;
export const openMs = ({ openMinutes }: Limits): number => openMinutes * 60_000;

/** The day that an owner's work is counted on. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Bytes of keys that a processor verifies in a second: what verifying counts as work, before it was measured. */
const verifiedBytesPerSecond = 2 ** 27;
export const verifyCpuSeconds = (bytes: number): number => bytes / verifiedBytesPerSecond;
