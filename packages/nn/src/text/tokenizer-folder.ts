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

type Json = Readonly<Record<string, unknown>>;

/** Reads vocab.txt (one WordPiece entry a line; gzip allowed). */
export const readWordPieceEntries = (path: string): string[] => parseWordPieceEntries(readText(path), path);

/**
 * Entries by line: a blank line is an entry that no word gives, and keeps its number.
 * @throws FormatError naming the line of a repeated entry: readers differ about its number
 */
export function parseWordPieceEntries(text: string, where: string): string[] {
  const lines = splitLines(text, where);
  if (lines.at(-1)?.text === '') lines.pop();
  const seen = new Map<string, number>();
  for (const { line, text: entry } of lines) {
    const before = seen.get(entry);
    if (before !== undefined && entry !== '')
      throw new FormatError(
        `${where}, line ${line}: ${shown(entry)} stands on line ${before}, too. Every line has to be an entry of its own.`,
      );
    seen.set(entry, line);
  }
  return lines.map(({ text: entry }) => entry);
}

/**
 * Loads the tokenizer of a model folder: tokenizer.json, or vocab.txt, or vocab.json with merges.txt, with what
 * tokenizer_config.json, special_tokens_map.json, added_tokens.json and the model_type of config.json say besides.
 * @throws ConfigError for a folder without them, or files that make no tokenizer; FormatError and DataError naming the file
 */
export function loadTokenizer(folder: string): Tokenizer {
  const path = (name: string) => [join(folder, name), join(folder, `${name}.gz`)].find(existsSync);
  const optional = (name: string): Json | undefined => {
    const found = path(name);
    return found === undefined ? undefined : readObject(found);
  };
  const config = mergeConfigs({
    config: optional('tokenizer_config.json'),
    specialTokens: optional('special_tokens_map.json'),
    addedTokens: optional('added_tokens.json'),
    modelType: optional('config.json')?.model_type,
  });
  const json = path('tokenizer.json');
  if (json) return huggingFaceTokenizer({ tokenizer: readObject(json), config }, json);
  const wordPiece = path('vocab.txt');
  if (wordPiece)
    return huggingFaceTokenizer(wordPieceTokenizer(readWordPieceEntries(wordPiece), config, wordPiece), wordPiece);
  const vocabulary = path('vocab.json');
  const merges = path('merges.txt');
  if (vocabulary && merges) {
    const { tokenizer } = readBpe(vocabulary, merges);
    return huggingFaceTokenizer({ tokenizer, config }, vocabulary);
  }
  const other = ['spiece.model', 'sentencepiece.bpe.model', 'tokenizer.model', 'vocab.bpe'].find(path);
  throw new ConfigError(
    `${folder} has no tokenizer.json, no vocab.txt and no vocab.json with merges.txt${other ? `, only ${other}` : ''}. ` +
      'Save the tokenizer again with transformers (save_pretrained), which writes tokenizer.json.',
  );
}

/** What may stand beside a tokenizer_config.json, each undefined where there is no such file. */
interface ConfigFiles {
  readonly config: Json | undefined;
  readonly specialTokens: Json | undefined;
  readonly addedTokens: Json | undefined;
  /** Of config.json. */
  readonly modelType: unknown;
}

/** Classes of models whose folders may not name one. */
const classes = new Map([
  ...['bert', 'distilbert', 'electra', 'mobilebert'].map((type) => [type, 'BertTokenizer'] as const),
  ['roberta', 'RobertaTokenizer'],
  ...['gpt2', 'gpt_neo'].map((type) => [type, 'GPT2Tokenizer'] as const),
]);

/** One configuration of all files: those of older versions count where the newest does not number its added tokens. */
export function mergeConfigs({ config = {}, specialTokens = {}, addedTokens = {}, modelType }: ConfigFiles): Json {
  const known = classes.get(String(modelType));
  const merged: Record<string, unknown> = { ...(known && { tokenizer_class: known }), ...config };
  if ('added_tokens_decoder' in config) return merged;
  Object.assign(merged, specialTokens);
  const special = new Set(
    Object.values(merged)
      .flatMap((value) => (Array.isArray(value) ? value : [value]))
      .map((value) => (typeof value === 'object' && value !== null && 'content' in value ? value.content : value)),
  );
  const numbered = Object.entries(addedTokens);
  if (numbered.length > 0)
    merged.added_tokens_decoder = Object.fromEntries(
      numbered.map(([content, id]) => [
        String(id),
        { content, normalized: !special.has(content), special: special.has(content) },
      ]),
    );
  return merged;
}

/** The tokenizer of a lone vocab.txt, by its configuration. */
export function wordPieceTokenizer(entries: readonly string[], config: Json, where: string): TokenizerFiles {
  if (config.do_basic_tokenize === false || (Array.isArray(config.never_split) && config.never_split.length > 0))
    throw new ConfigError(
      `${where}: do_basic_tokenize false and never_split are not supported: save the tokenizer with transformers, which writes tokenizer.json.`,
    );
  const unknown = config.unk_token;
  const { tokenizer } = wordPieceFiles(
    entries,
    config.do_lower_case !== false,
    typeof unknown === 'string' ? unknown : undefined,
  );
  return { tokenizer, config: { tokenizer_class: 'BertTokenizer', ...config } };
}

function readObject(path: string): Json {
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
