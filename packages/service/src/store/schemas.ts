import { digest, keysetState, openKeyset, shortId } from '@cipherformer/client/protocol';
import { z } from 'zod';

// The documents of the data folder. What the protocol calls loading or running is one state on disk.

const whole = z.int().min(0);

export const keysetRecord = z.strictObject({
  id: shortId,
  ...openKeyset.shape,
  state: keysetState,
  reason: z.string().optional(),
  created: z.iso.datetime(),
  /** How often a worker has begun to verify it. */
  attempts: whole,
  /** Of the committed list: its SHA-256, its parts and their bytes. */
  list: z.optional(digest),
  parts: whole.optional(),
  bytes: whole.optional(),
});
export type KeysetRecord = z.infer<typeof keysetRecord>;

export const jobRecord = z.strictObject({
  id: digest,
  program: digest,
  keyset: shortId,
  input: digest,
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  reason: z.string().optional(),
  /** Jobs are run in this order. */
  order: whole,
  submitted: z.iso.datetime(),
  finished: z.iso.datetime().optional(),
  attempts: whole,
});
export type JobRecord = z.infer<typeof jobRecord>;
