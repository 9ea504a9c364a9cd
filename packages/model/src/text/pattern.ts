import { ConfigError, DataError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';
import { translateExpression } from './library.ts';

/** How a tokenizer.json writes what it looks for: a text, or a regular expression of Oniguruma. */
export type PatternField = { readonly String: string } | { readonly Regex: string };

/** Finds all matches in a text, in order, as [start, end). @throws DataError where it takes too long */
export type Pattern = (text: string) => [number, number][];

/**
 * Expressions of widely used tokenizers, which are known to take time linear in a text: GPT-2 and its copies; cl100k
 * and Llama 3; Qwen 2; o200k and its relatives; GPT-NeoX and others that squeeze spaces; BLOOM.
 */
const trusted = new Set([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ' {2,}',
  '\\s+',
  ' ?[^(\\s|[.,!?…。，、।۔،])]+',
]);

/** What another expression may do at one place of a text: matches of one with k open repetitions take length^k steps. */
const maxStepsAtOnePlace = 2 ** 26;
/** How long one text may take in all. */
const maxMilliseconds = 5000;
/** Look-ahead at the end of a window may see less than it should: a match has to end this far before. */
const lookAheadMargin = 16;

/**
 * The pattern of a field. Expressions of strangers can make a search exponential in the text: one that is not widely
 * known may not repeat what repeats, is tried on bounded windows, and is given up after five seconds a text.
 * @param where names the field, for messages
 * @throws ConfigError for an expression that is not understood, or may take forever
 */
export function compilePattern(field: PatternField, where: string): Pattern {
  if ('String' in field) {
    if (field.String === '') throw new ConfigError(`${where} looks for an empty text: it has to have a character.`);
    return (text) => literalMatches(text, field.String);
  }
  const source = field.Regex;
  const known = trusted.has(source);
  const repetitions = known ? 0 : checkRepetitions(source, where);
  const expression = translate(source, where);
  return known ? (text) => nativeMatches(text, expression) : boundedPattern(expression, repetitions, source, where);
}

/** Oniguruma's syntax in JavaScript's. */
function translate(source: string, where: string): RegExp {
  try {
    return translateExpression(source);
  } catch (error) {
    throw new ConfigError(`${where} has the expression ${shown(source)}: ${shown((error as Error).message)}.`);
  }
}

function literalMatches(text: string, wanted: string): [number, number][] {
  const found: [number, number][] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length))
    found.push([at, at + wanted.length]);
  return found;
}

function nativeMatches(text: string, expression: RegExp): [number, number][] {
  return Array.from(text.matchAll(expression), ({ index, 0: match }): [number, number] => [
    index,
    index + match.length,
  ]).filter(([start, end]) => end > start);
}

function boundedPattern(expression: RegExp, repetitions: number, source: string, where: string): Pattern {
  const sticky = new RegExp(expression.source, `${expression.flags.replaceAll('g', '')}y`);
  const window = Math.floor(Math.min(2 ** 16, maxStepsAtOnePlace ** (1 / Math.max(1, repetitions))));
  return (text) => {
    const found: [number, number][] = [];
    const started = performance.now();
    for (let at = 0; at < text.length; ) {
      if (performance.now() - started > maxMilliseconds)
        throw new DataError(
          `The expression ${shown(source)} of ${where} takes more than ${maxMilliseconds / 1000} s on a text of ${text.length} characters: cut the text, or take another tokenizer.`,
        );
      // One character before it, for look-behind.
      const from = Math.max(0, at - 1);
      const piece = text.slice(from, from + window);
      sticky.lastIndex = at - from;
      const match = sticky.exec(piece)?.[0] ?? '';
      const end = at - from + match.length;
      if (from + piece.length < text.length && end > piece.length - lookAheadMargin)
        throw new DataError(
          `A match of the expression ${shown(source)} of ${where} is longer than ${window - lookAheadMargin} characters: cut the text.`,
        );
      if (match !== '') found.push([at, at + match.length]);
      at += match === '' ? (text.codePointAt(at)! > 0xffff ? 2 : 1) : match.length;
    }
    return found;
  };
}

/**
 * How many open repetitions an expression has, the most of one alternative.
 * @throws ConfigError for a repeated group with a choice or a repetition in it, or a reference to what was matched
 */
function checkRepetitions(source: string, where: string): number {
  const refuse = (what: string) =>
    new ConfigError(`${where} has the expression ${shown(source)}, which ${what}: on some texts it may take forever.`);
  // Of every open group: whether it repeats or chooses, and how many repetitions one alternative of it has.
  const groups = [{ complex: false, here: 0, most: 0 }];
  let last: { complex: boolean; here: number; most: number } | undefined;
  for (let at = 0; at < source.length; ) {
    const group = groups.at(-1)!;
    const rest = source.slice(at);
    const quantifier = /^(?:[*+?]|\{(\d*)(,?)(\d*)\})[?+]?/.exec(rest);
    if (quantifier && at > 0) {
      const [whole, , comma, most] = quantifier;
      const once = whole.startsWith('?') || /^\{[01]?(,[01])?\}/.test(whole);
      const open = /^[*+]/.test(whole) || (comma === ',' && most === '') || Number(most ?? 0) > 8;
      if (!once && last?.complex) throw refuse('repeats a part that repeats or chooses');
      if (open) group.here += 1;
      group.complex = true;
      at += whole.length;
      last = undefined;
      continue;
    }
    if (/^\\[1-9gk]/.test(rest)) throw refuse('refers to what it has matched');
    if (rest[0] === '\\') {
      at += /^\\[pPxu]\{[^}]*\}/.exec(rest)?.[0].length ?? 2;
      last = undefined;
    } else if (rest[0] === '[') {
      at += classLength(rest);
      last = undefined;
    } else if (rest[0] === '(') {
      groups.push({ complex: false, here: 0, most: 0 });
      at += /^\((?:\?(?:<[=!]|[a-zA-Z-]*:|[=!>]|<\w+>))?/.exec(rest)![0].length;
      last = undefined;
    } else if (rest[0] === ')') {
      if (groups.length === 1) throw refuse('closes a group that it has not opened');
      last = groups.pop()!;
      last.most = Math.max(last.most, last.here);
      const outer = groups.at(-1)!;
      outer.here += last.most;
      outer.complex ||= last.complex;
      at += 1;
    } else if (rest[0] === '|') {
      group.most = Math.max(group.most, group.here);
      group.here = 0;
      group.complex = true;
      at += 1;
      last = undefined;
    } else {
      at += 1;
      last = undefined;
    }
  }
  const whole = groups[0]!;
  const repetitions = Math.max(whole.most, whole.here);
  if (repetitions > 3) throw refuse(`has ${repetitions} open repetitions in a row, 3 at most are tried`);
  return repetitions;
}

/** Of a character class, with those inside of it. */
function classLength(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') depth += 1;
    // A bracket that closes first of all stands for itself.
    else if (text[at] === ']' && !(depth === 1 && /^\[\^?$/.test(text.slice(0, at)))) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
