import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import { excerpt, isPrintable, shown } from './printable.ts';
import { decodeUtf8 } from './text.ts';

/** Deepest nesting of JSON that is read: who walks the values, a schema too, may do so by recursion. */
const maxDepth = 64;
/** Of what is wrong with a value, as many are told. */
const maxProblems = 5;

/** JSON.parse for text from strangers. @throws SyntaxError, also for what is nested more than 64 deep; it can be printed */
export function parseJson(text: string): unknown {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      i = endOfString(text, i);
    } else if (char === '[' || char === '{') {
      if (++depth > maxDepth) throw new SyntaxError(`it is nested more than ${maxDepth} deep`);
    } else if (char === ']' || char === '}') depth--;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message quotes the text.
    throw new SyntaxError(excerpt((error as Error).message));
  }
}

/** Where the string that begins at `start` ends, or the text does. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; ; i++) {
    const end = text.indexOf('"', i);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
    i = end;
  }
}

/** The JSON in a value of a file's metadata; null where there is none, for a schema to refuse. */
export function parseMetadata(text = 'null'): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

export interface ForeignJsonOptions<Value> {
  readonly schema: z.core.$ZodType<Value>;
  /** Longer ones are not looked at. */
  readonly maxBytes: number;
  /** Makes the error from what is wrong: "is not JSON", "is not what it should be: ...". */
  readonly refuse: (what: string) => Error;
}

/**
 * JSON that a stranger wrote, as a schema describes it. Cost: linear in its length.
 * @throws what `refuse` makes, and nothing else: for what is too long, no UTF-8, no JSON, nested too deep or of another
 * shape. What of it stands in the message is short, and escaped.
 */
export function parseForeignJson<Value>(
  source: string | Uint8Array,
  { schema, maxBytes, refuse }: ForeignJsonOptions<Value>,
): Value {
  if (source.length > maxBytes) throw refuse(`has ${source.length} bytes, ${maxBytes} at most are expected`);
  const json = parse(typeof source === 'string' ? source : decode(source, refuse), refuse);
  const parsed = checkForeign(schema, json);
  if (!parsed.success) throw refuse(`is not what this release reads:\n${problems(parsed.error, json)}`);
  return parsed.data;
}

function decode(bytes: Uint8Array, refuse: (what: string) => Error): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw refuse('is not text in UTF-8');
  }
}

function parse(text: string, refuse: (what: string) => Error): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw refuse(`is not JSON (${(error as SyntaxError).message})`);
  }
}

const { localeError: english } = en();

/** A value held against a schema, what is wrong with it told in English: zod's small form, for browsers, brings no words. */
export function checkForeign<Value>(
  schema: z.core.$ZodType<Value>,
  value: unknown,
): z.core.util.SafeParseResult<Value> {
  return z.core.safeParse(schema, value, { error: english });
}

/** What is wrong with a value that a schema refused: the first fields, a line each, with what is there. */
export function problems({ issues }: z.core.$ZodError, value: unknown): string {
  const lines = issues.slice(0, maxProblems).map(({ path, message }) => {
    const found = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
    const there = typeof found === 'object' && found !== null ? '' : ` (found ${shown(found)})`;
    return `  ${path.length > 0 ? `${excerpt(fieldName(path), 100)}: ` : ''}${excerpt(message)}${there}`;
  });
  const more = issues.length - lines.length;
  return [...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}

/** "inputs[0].scale" */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

/** A name or a note that is printed: text without characters that a terminal obeys. */
export const words = z.string().check(
  z.maxLength(2000),
  z.refine((text) => isPrintable(text, '\n\t'), 'has control characters'),
);
