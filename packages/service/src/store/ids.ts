import { createHash } from 'node:crypto';

/** Names a key set by what it is of, so that asking for it again gives the one that is there. */
export function keysetId(plan: string, key: string): string {
  return hashOf('cipherformer key set 1', plan, key).slice(0, 32);
}

/** Names a job by what it computes, so that sending a request again does not run it again. */
export function jobId(program: string, keyset: string, input: string): string {
  return hashOf('cipherformer job 1', program, keyset, input);
}

/** No field holds a line end, so no two lists of fields hash the same text. */
function hashOf(...fields: readonly string[]): string {
  return createHash('sha256').update(fields.join('\n')).digest('hex');
}
