import { z } from 'zod';

// What the service and its worker process say to each other. Both sides check what they get: the worker runs the
// largest part of the code, on bytes of others.

const whole = z.int().min(0);
const keyset = z.strictObject({
  id: z.string(),
  plan: z.string(),
  key: z.string(),
  parts: z.array(z.strictObject({ sha256: z.string(), path: z.string() })).readonly(),
  list: z.string(),
  programs: z.array(z.string()).readonly(),
});
const unverified = z.strictObject({ ...keyset.shape, verified: z.array(z.string()).readonly() });
const job = z.strictObject({ id: z.string(), program: z.string(), keyset, request: z.string(), result: z.string() });

/** `task` counts up: an answer to an earlier task is never taken for one to a later. */
export const toWorker = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('verify'), task: whole, keyset: unverified }),
  z.strictObject({ type: z.literal('run'), task: whole, job }),
  z.strictObject({ type: z.literal('cancel'), task: whole }),
  /** A key set is gone. */
  z.strictObject({ type: z.literal('forget'), keyset: z.string() }),
]);
export type ToWorker = z.infer<typeof toWorker>;
export type WorkerTask = Extract<ToWorker, { type: 'verify' | 'run' }>;
/** A task before its worker has given it a number. */
export type Assignment = WorkerTask extends infer T ? (T extends unknown ? Omit<T, 'task'> : never) : never;

/** Key sets whose keys are in memory after a task. */
const loaded = z.array(z.string().max(64)).max(10_000);

export const fromWorker = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('progress'),
    task: whole,
    what: z.enum(['verifying', 'loading', 'running']),
    done: whole,
    total: whole,
    secondsLeft: z.number().min(0).optional(),
  }),
  /** A key set was verified, or a job has its result. */
  z.strictObject({ type: z.literal('done'), task: whole, loaded }),
  /** A key set is not what it should be, or a job cannot be run. */
  z.strictObject({ type: z.literal('failed'), task: whole, reason: z.string().max(2000), loaded }),
]);
export type FromWorker = z.infer<typeof fromWorker>;
