import type { Command, Option } from 'commander';
import { Verb } from './verb.ts';

declare const quoted: unique symbol;

/** A command for a person to copy. Made here alone, so that no value stands in it without the quotes that a shell needs. */
export type CommandLine = string & { readonly [quoted]: true };

/**
 * What is inserted is quoted where a shell would read it otherwise, of a list each; what is written stays:
 * `commandLine\`cipherformer serve ${folder} --port <n>\``.
 */
export function commandLine(
  written: TemplateStringsArray,
  ...inserted: readonly (string | readonly string[])[]
): CommandLine {
  const words = inserted.map((value) => (typeof value === 'string' ? forShell(value) : value.map(forShell).join(' ')));
  return written
    .map((text, i) => `${text}${words[i] ?? ''}`)
    .join('')
    .trimEnd() as CommandLine;
}

/**
 * The command as it was typed, but for some of its options.
 * @param without their long names: '--dry-run'
 * @param more what follows then
 */
export function typedAgain(verb: Command, without: readonly string[], more?: CommandLine): CommandLine {
  const words = wordsOf(verb).flatMap(({ option, typed }) => (option && without.includes(option.long!) ? [] : typed));
  return more === undefined
    ? commandLine`cipherformer ${words}`
    : (`${commandLine`cipherformer ${words}`} ${more}` as CommandLine);
}

/** The options alone, as they were typed: for another verb that takes them, too. */
export const typedOptions = (verb: Command): string[] =>
  wordsOf(verb).flatMap(({ option, typed }) => (option ? typed : []));

/** What was typed, options with their values. */
function wordsOf(verb: Command) {
  const typed = verb instanceof Verb ? verb.typed : [];
  const words: { readonly option: Option | undefined; readonly typed: readonly string[] }[] = [];
  for (let at = 0; at < typed.length; at += words.at(-1)!.typed.length) {
    const [name] = typed[at]!.split('=', 1) as [string];
    const option = verb.options.find(({ long, short }) => name === long || name === short);
    words.push({ option, typed: typed.slice(at, at + (option?.required && name === typed[at] ? 2 : 1)) });
  }
  return words;
}

/** As a shell reads it back. */
const forShell = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
