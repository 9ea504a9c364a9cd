import * as z from 'zod/mini';

// What the service and its clients say to each other, in the one place that both read. Browser-safe: no Node module, and
// zod/mini, whose locales stay out of bundles.

/** Path of every route but the page's. The number changes when a client of before would misunderstand an answer. */
export const apiPrefix = '/v1';

/** Most bytes of one part of a key set: 8 MiB of residues and room for a header. */
export const maxPartBytes = 8 * 2 ** 20 + 4096;
/** Most digests in one question for missing parts. */
export const maxMissingBatch = 1000;
/** Most parts of a key set: 256 GiB. */
export const maxPartsInList = 2 ** 15;

/** SHA-256, 64 hexadecimal digits: of a program, a key plan, a part, a job. */
export const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** 32 hexadecimal digits: names a secret key, or a key set. */
export const shortId = z.string().check(z.regex(/^[0-9a-f]{32}$/));
/** Name of a file in the client half of a program: no folders. */
export const fileName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));

const whole = z.int().check(z.minimum(0));
const partCount = z.int().check(z.minimum(0), z.maximum(maxPartsInList));
const time = z.iso.datetime();
const text = z.string().check(z.maxLength(2000));

export const program = z.object({
  digest,
  /** Digest of the key plan: a key set of this plan serves the program. */
  plan: digest,
  /** Name, task, labels, predicted costs: what its manifest says about it. */
  summary: z.record(z.string(), z.json()),
  /** The client half: what encrypting, decrypting and making keys need. */
  files: z.array(z.object({ name: fileName, bytes: whole, sha256: digest })),
});
export type Program = z.infer<typeof program>;
export const programs = z.object({ programs: z.array(program) });

export const openKeyset = z.strictObject({
  /** Digest of the key plan. */
  plan: digest,
  /** Names the secret key that the keys belong to. */
  key: shortId,
  /** Format of the parts, such as "cipherformer-keys/1": what the engine of the service reads. */
  format: z.string().check(z.regex(/^[a-z0-9][a-z0-9./-]{0,63}$/)),
});
export type OpenKeyset = z.infer<typeof openKeyset>;

/** The list of parts that makes a key set whole. Other fields are kept for the engine. */
export const keyList = z.looseObject({
  format: openKeyset.shape.format,
  version: whole,
  plan: digest,
  key: shortId,
  parts: z.array(digest).check(z.minLength(1), z.maxLength(maxPartsInList)),
});
export type KeyList = z.infer<typeof keyList>;
export const commit = z.strictObject({ list: keyList });

export const missingQuestion = z.strictObject({
  sha256: z.array(digest).check(z.minLength(1), z.maxLength(maxMissingBatch)),
});
export const missingAnswer = z.object({ missing: z.array(digest) });

/** open: takes parts. verifying: a worker reads them. ready: serves jobs. rejected: delete it and send again. */
export const keysetState = z.enum(['open', 'verifying', 'ready', 'rejected']);
export const keyset = z.object({
  id: shortId,
  ...openKeyset.shape,
  state: keysetState,
  /** Why it was rejected. */
  reason: z.optional(text),
  created: time,
  /** Of the committed list. */
  parts: z.optional(partCount),
  bytes: z.optional(whole),
  /** While it is verified: `done` of `total` steps. */
  done: z.optional(whole),
  total: z.optional(whole),
});
export type Keyset = z.infer<typeof keyset>;
export const keysets = z.object({ keysets: z.array(keyset) });

export const jobQuery = z.strictObject({ program: digest, keyset: shortId });
export const jobState = z.enum(['queued', 'loading', 'running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobState>;
export const job = z.object({
  /** SHA-256 of the digest of the program, the id of the key set and the digest of the input. */
  id: digest,
  program: digest,
  keyset: shortId,
  /** SHA-256 of the request. */
  input: digest,
  state: jobState,
  /** Why it failed. */
  reason: z.optional(text),
  submitted: time,
  finished: z.optional(time),
  /** How often a worker has begun it. */
  attempts: whole,
  /** While queued: how many tasks come before it. */
  place: z.optional(whole),
  /** While loading or running: `done` of `total` steps. */
  done: z.optional(whole),
  total: z.optional(whole),
  /** Predicted, while loading or running. */
  secondsLeft: z.optional(z.number().check(z.minimum(0))),
});
export type Job = z.infer<typeof job>;
export const jobs = z.object({ jobs: z.array(job) });

/** Whether nothing more will happen to a job by itself. */
export function isFinal(state: JobState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

/** RFC 9457, as application/problem+json. Other fields belong to the code. */
export const problem = z.looseObject({
  status: z.int(),
  /** What went wrong, for programs: see `problemStatus`. */
  code: z.string().check(z.regex(/^[a-z0-9-]{1,64}$/)),
  title: z.optional(text),
  /** What went wrong here, for people. */
  detail: z.optional(text),
  /** What to do about it, for people. */
  hint: z.optional(text),
});

/** Every code that the service answers with, and its HTTP status. */
export const problemStatus = {
  /** A field of the request breaks its rules: `issues` says which. */
  invalid: 400,
  'not-found': 404,
  'unknown-program': 404,
  'unknown-file': 404,
  'unknown-keyset': 404,
  'unknown-job': 404,
  /** Parts of the list are not there: `missing` (the first thousand), `missingCount`. */
  'parts-missing': 409,
  /** The key set has been committed: `state`. */
  'keyset-closed': 409,
  /** The list is of another plan, key or format: `fields`. */
  'list-mismatch': 409,
  /** `state`, `keyset` (its URL). */
  'keyset-not-ready': 409,
  /** Jobs that are not finished use the key set: `jobs`. */
  'keyset-in-use': 409,
  /** The key set is of another key plan than the program: `expected`, `actual`. */
  'plan-mismatch': 409,
  /** The job has no result: `state`. */
  'no-result': 409,
  'length-required': 411,
  /** `limit`, in bytes. */
  'too-large': 413,
  'media-type': 415,
  /** The name of the host is not one of this service: `hosts`. */
  'wrong-host': 421,
  /** The bytes are not those that the digest names: `expected`, `actual`. */
  'digest-mismatch': 422,
  /** The body is a secret key. */
  'secret-key': 422,
  /** No program of this service has the key plan: `plans`. */
  'unknown-plan': 422,
  /** `retryAfter`, in seconds. */
  'queue-full': 429,
  'request-refused': 400,
  internal: 500,
  stopping: 503,
  /** The disk has no room: `needed` and `free`, in bytes, where known. */
  'no-room': 507,
} as const;
export type ProblemCode = keyof typeof problemStatus;
