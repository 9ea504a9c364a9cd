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

/** What opens a service to an owner: sent as `Authorization: Bearer cf_…`. */
export const token = z.string().check(z.regex(/^cf_[A-Za-z0-9_-]{43}$/));
/** A new owner: the token is told this once. */
export const newOwner = z.object({ token });
export type NewOwner = z.infer<typeof newOwner>;

const programFile = z.object({ name: fileName, bytes: whole, sha256: digest });
export const program = z.object({
  digest,
  /** Digest of the key plan: a key set of this plan serves the program. */
  plan: digest,
  /** Digests of other key plans that have all its keys: key sets of theirs serve it, too. */
  covering: z.optional(z.array(digest)),
  /** Name, task, labels, predicted costs: what its manifest says about it. */
  summary: z.record(z.string(), z.json()),
  /** The client half: what encrypting, decrypting and making keys need. */
  files: z.array(programFile),
  /** The polynomial model itself, where who runs the service gives it away: what computes the answer in clear. */
  model: z.optional(z.array(programFile)),
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

/** What is said to a part: whether it was new. */
export const partAnswer = z.object({ sha256: digest, created: z.boolean() });

/** open: takes parts. verifying: a worker reads them. ready: serves jobs. rejected: delete it and send again. */
export const keysetState = z.enum(['open', 'verifying', 'ready', 'rejected']);
export const keyset = z.object({
  id: shortId,
  ...openKeyset.shape,
  state: keysetState,
  /** Why it was rejected. */
  reason: z.optional(text),
  created: time,
  /** When it last got a part or a job, and when it goes if it gets no other. */
  used: time,
  expires: time,
  /** Of the committed list. */
  parts: z.optional(partCount),
  bytes: z.optional(whole),
  /** While it is verified: `done` of `total` steps. */
  done: z.optional(whole),
  total: z.optional(whole),
});
export type Keyset = z.infer<typeof keyset>;
export type KeysetState = z.infer<typeof keysetState>;
/** What may be changed of a key set: that it goes earlier, or as late as keys are kept. */
export const keysetChange = z.strictObject({ expires: time });
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
  /** While queued: predicted, of what comes before it. */
  startsInSeconds: z.optional(z.number().check(z.minimum(0))),
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
  /** Every request needs a token: `open` says whether POST /v1/owners gives one. */
  'token-needed': 401,
  /** The token opens nothing (any more): `open` as above. */
  'bad-token': 401,
  /** Tokens come from who runs the service. */
  'not-open': 403,
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
  /** The owner has as many as they may: `limit`, `keysets`. */
  'too-many-keysets': 409,
  /** The program was served, and is not any more: `successor` is the digest of the one that took its place. */
  'program-retired': 410,
  /** The body came slower than the service waits for. */
  'too-slow': 408,
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
  /** Jobs of this owner: `limit`, `retryAfter`, in seconds. */
  'queue-full': 429,
  /** Parts of this owner at the same time: `limit`, `retryAfter`. */
  'too-many-parts': 429,
  /** The owner's processor time of a day: `limit`, `spent`, `retryAfter`. */
  'day-spent': 429,
  /** Tokens for one address: `retryAfter`. */
  'too-many-owners': 429,
  'request-refused': 400,
  internal: 500,
  /** Hours of work wait: `retryAfter`. */
  busy: 503,
  stopping: 503,
  /** What the service stands on cannot be reached now: `retryAfter`. */
  unreachable: 503,
  /** Bytes of keys that an owner may have: `limit`, `used`. */
  'quota-exceeded': 507,
  /** The disk has no room: `needed` and `free`, in bytes, where known. */
  'no-room': 507,
} as const;
export type ProblemCode = keyof typeof problemStatus;

/**
 * Why a step of a generation is not taken; the reason of its job then begins with it. cache-gone: what was kept expired, was lost or is
 * another owner's, so that the prompt has to begin again; wrong-step: it is not the next one; cache-full: too many are under way.
 */
export const stepProblems = ['cache-gone', 'wrong-step', 'cache-full'] as const;
export type StepProblem = (typeof stepProblems)[number];

/** The problem that a job's reason begins with, where it does. */
export const stepProblemOf = (reason: string): StepProblem | undefined =>
  stepProblems.find((problem) => reason.startsWith(`${problem}: `));
