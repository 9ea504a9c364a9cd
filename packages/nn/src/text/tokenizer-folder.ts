import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConfigError,
  FormatError,
  huggingFaceTokenizer,
  type Tokenizer,
  type TokenizerFiles,
} from '@cipherformer/model';
import { readJson, readText, writeAtomically } from '@cipherformer/model/files';
import { shown, splitLines } from '@cipherformer/model/untrusted';
import { bpeFiles } from './bpe.ts';
import { wordPieceFiles } from './word-piece.ts';

/** Reads vocab.txt (one WordPiece entry a line; gzip allowed). */
export const readWordPieceEntries = (path: string): string[] => parseWordPieceEntries(readText(path), path);

/** @throws FormatError naming the line of a blank or repeated entry: all after it would get other numbers */
export function parseWordPieceEntries(text: string, where: string): string[] {
  const lines = splitLines(text, where);
  if (lines.at(-1)?.text === '') lines.pop();
  const seen = new Map<string, number>();
  for (const { line, text: entry } of lines) {
    const before = seen.get(entry);
    if (entry === '' || before !== undefined)
      throw new FormatError(
        `${where}, line ${line}: ${entry === '' ? 'the entry is blank' : `${shown(entry)} stands on line ${before}, too`}. Every line has to be an entry of its own.`,
      );
    seen.set(entry, line);
  }
  return [...seen.keys()];
}

/** Loads the tokenizer of a model folder: tokenizer.json, or vocab.txt, or vocab.json with merges.txt. */
export function loadTokenizer(folder: string): Tokenizer {
  const path = (name: string) => [join(folder, name), join(folder, `${name}.gz`)].find(existsSync);
  const json = path('tokenizer.json');
  if (json) {
    const config = path('tokenizer_config.json');
    return huggingFaceTokenizer({ tokenizer: readObject(json), config: config ? readObject(config) : {} }, json);
  }
  const wordPiece = path('vocab.txt');
  if (wordPiece) return huggingFaceTokenizer(wordPieceFiles(readWordPieceEntries(wordPiece)), wordPiece);
  const vocabulary = path('vocab.json');
  const merges = path('merges.txt');
  if (vocabulary && merges) return huggingFaceTokenizer(readBpe(vocabulary, merges), vocabulary);
  throw new ConfigError(`${folder} has no tokenizer.json, no vocab.txt and no vocab.json with merges.txt.`);
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  const value = readJson(path);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${path} is ${shown(value)}: it has to be a JSON object.`);
  return value as Record<string, unknown>;
}

/** GPT-2's vocab.json and merges.txt. */
export const readBpe = (vocabularyPath: string, mergesPath: string): TokenizerFiles =>
  parseBpe(readObject(vocabularyPath), vocabularyPath, readText(mergesPath), mergesPath);

/** @throws FormatError naming the entry whose number, or the line whose pair, is none */
export function parseBpe(
  vocabulary: Readonly<Record<string, unknown>>,
  where: string,
  merges: string,
  mergesWhere: string,
): TokenizerFiles {
  const numbered = Object.entries(vocabulary);
  const entries: string[] = new Array(numbered.length);
  for (const [entry, id] of numbered) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= entries.length || entries[id] !== undefined)
      throw new FormatError(
        `${where}: ${shown(entry)} has the number ${shown(id)}: ${entries.length} entries have the numbers 0 to ${entries.length - 1}, each once.`,
      );
    entries[id] = entry;
  }
  const pairs = splitLines(merges, mergesWhere).flatMap(({ line, text }): [string, string][] => {
    if (text === '' || text.startsWith('#version')) return [];
    const pair = text.split(' ');
    if (pair.length !== 2)
      throw new FormatError(`${mergesWhere}, line ${line}: ${shown(text)} is not a pair of entries.`);
    return [pair as [string, string]];
  });
  return bpeFiles(entries, pairs);
}

export function saveTokenizer(folder: string, files: TokenizerFiles): void {
  writeAtomically(join(folder, 'tokenizer.json'), `${JSON.stringify(files.tokenizer)}\n`);
  writeAtomically(join(folder, 'tokenizer_config.json'), `${JSON.stringify(files.config, null, 2)}\n`);
}
