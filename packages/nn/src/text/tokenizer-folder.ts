import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { readJson, readText, writeAtomically } from '../files/storage.ts';
import { bpeFiles, type TokenizerFiles } from './bpe.ts';
import { huggingFaceTokenizer, type Tokenizer, wordPieceFiles } from './tokenizer.ts';

/** Reads vocab.txt (one WordPiece entry a line; gzip allowed). */
export const readWordPieceEntries = (path: string): string[] => readText(path).split(/\r?\n/).filter(Boolean);

/** Loads the tokenizer of a model folder: tokenizer.json, or vocab.txt, or vocab.json with merges.txt. */
export function loadTokenizer(folder: string): Tokenizer {
  const path = (name: string) => [join(folder, name), join(folder, `${name}.gz`)].find(existsSync);
  const json = path('tokenizer.json');
  if (json) {
    const config = path('tokenizer_config.json');
    return huggingFaceTokenizer({
      tokenizer: readJson(json) as Record<string, unknown>,
      config: config ? (readJson(config) as Record<string, unknown>) : {},
    });
  }
  const wordPiece = path('vocab.txt');
  if (wordPiece) return huggingFaceTokenizer(wordPieceFiles(readWordPieceEntries(wordPiece)));
  const vocabulary = path('vocab.json');
  const merges = path('merges.txt');
  if (vocabulary && merges) return huggingFaceTokenizer(readBpe(vocabulary, merges));
  throw new ConfigError(`${folder} has no tokenizer.json, no vocab.txt and no vocab.json with merges.txt.`);
}

/** GPT-2's vocab.json and merges.txt. */
export function readBpe(vocabularyPath: string, mergesPath: string): TokenizerFiles {
  const vocabulary = Object.entries(readJson(vocabularyPath) as Record<string, number>);
  const entries = vocabulary.sort(([, a], [, b]) => a - b).map(([entry]) => entry);
  const merges = readText(mergesPath)
    .split(/\r?\n/)
    .filter((line) => line && !line.startsWith('#version'))
    .map((line) => line.split(' ') as [string, string]);
  return bpeFiles(entries, merges);
}

export function saveTokenizer(folder: string, files: TokenizerFiles): void {
  writeAtomically(join(folder, 'tokenizer.json'), `${JSON.stringify(files.tokenizer)}\n`);
  writeAtomically(join(folder, 'tokenizer_config.json'), `${JSON.stringify(files.config, null, 2)}\n`);
}
