import type { z } from 'zod';
import { excerpt } from './printable.ts';

/** Deeper than anything we write; schemas that recurse must not meet what is deeper than the stack. */
const maxDepth = 32;
/** Of what is wrong with a value, as many are told. */
const maxFindings = 5;

export interface ForeignJsonOptions<Value> {
  readonly schema: z.ZodType<Value>;
  /** Longer ones are not looked at. */
  readonly maxBytes: number;
  /** Makes the error from what is wrong: "is not JSON", "is not what it should be: ...". */
  readonly refuse: (what: string) => Error;
}

/**
 * JSON that a stranger wrote, as a schema describes it. Throws what `refuse` makes, and nothing else: for what is too long,
 * no UTF-8, no JSON, nested too deep or of another shape. What of it stands in the message is short, and escaped.
 * Cost: linear in its length.
 */
export function parseForeignJson<Value>(
  source: string | Uint8Array,
  { schema, maxBytes, refuse }: ForeignJsonOptions<Value>,
): Value {
  if (source.length > maxBytes) throw refuse(`has ${source.length} bytes, ${maxBytes} at most are expected`);
  const json = parse(typeof source === 'string' ? source : decode(source, refuse), refuse);
  if (isDeep(json, maxDepth)) throw refuse(`nests lists and objects more than ${maxDepth} deep`);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw refuse(`is not what this release reads:\n${findings(parsed.error)}`);
  return parsed.data;
}

function decode(bytes: Uint8Array, refuse: (what: string) => Error): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse('is not text in UTF-8');
  }
}

function parse(text: string, refuse: (what: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`is not JSON (${excerpt(error instanceof Error ? error.message : String(error))})`);
  }
}

function isDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((inner) => isDeep(inner, left - 1));
}

/** Which fields are wrong, and how, a line each. */
export function findings({ issues }: z.ZodError): string {
  const lines = issues
    .slice(0, maxFindings)
    .map(({ path, message }) => `  ${path.length > 0 ? `${excerpt(fieldName(path))}: ` : ''}${excerpt(message)}`);
  const more = issues.length - lines.length;
  return [...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}

/** "inputs[0].scale" */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}
