import { createHash, randomBytes } from 'node:crypto';

/** Names a key set by what it is of, so that its owner who asks for it again gets the one that is there. */
export function keysetId(owner: string, plan: string, key: string): string {
  return hashOf('cipherformer key set 2', owner, plan, key).slice(0, 32);
}

/** Names a job by what it computes, so that its owner who sends a request again does not have it run again. */
export function jobId(owner: string, program: string, keyset: string, input: string): string {
  return hashOf('cipherformer job 2', owner, program, keyset, input);
}

/** What opens a service to an owner. Only its hash is kept. */
export function newToken(): string {
  return `cf_${randomBytes(32).toString('base64url')}`;
}

export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function newOwnerId(): string {
  return randomBytes(16).toString('hex');
}

/** No field holds a line end, so no two lists of fields hash the same text. */
function hashOf(...fields: readonly string[]): string {
  return createHash('sha256').update(fields.join('\n')).digest('hex');
}
