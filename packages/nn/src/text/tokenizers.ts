import { join } from 'node:path';
import { huggingFaceTokenizer, type Tokenizer } from '@cipherformer/model';
import { z } from 'zod';
import { linePieces, trainByteBpe } from './bpe.ts';
import { characterTokenizer } from './characters.ts';
import { loadTokenizer, readWordPieceEntries } from './tokenizer-folder.ts';
import { trimWordPiece, wordPieceFiles } from './word-piece.ts';

const path = z.string().min(1);

/** Ways to a tokenizer; paths are relative to the data root that the person gives. */
export const tokenizerSchema = z.discriminatedUnion('kind', [
  /** A byte-level BPE trained on the training texts. */
  z.strictObject({ kind: z.literal('train-bpe'), size: z.int().min(257), specials: z.array(z.string()).default([]) }),
  /** A WordPiece vocabulary (vocab.txt), cut down to the entries that occur at least `minimum` times in training. */
  z.strictObject({ kind: z.literal('wordpiece'), vocabulary: path, minimum: z.int().min(0).default(0) }),
  /** Every character that occurs in the files is a token, numbered in sorted order. */
  z.strictObject({ kind: z.literal('characters') }),
  /** A folder with tokenizer files. */
  z.strictObject({ kind: z.literal('folder'), path }),
]);
export type TokenizerConfig = z.infer<typeof tokenizerSchema>;

/** The tokenizer that a configuration describes, for these training texts. Errors of reading tokenizer files. */
export function makeTokenizer(config: TokenizerConfig, texts: readonly string[], root: string): Tokenizer {
  switch (config.kind) {
    case 'folder':
      return loadTokenizer(join(root, config.path));
    case 'characters':
      return characterTokenizer(texts);
    case 'train-bpe':
      return huggingFaceTokenizer(trainByteBpe(texts, config.size, config.specials));
    case 'wordpiece': {
      const entries = readWordPieceEntries(join(root, config.vocabulary));
      return huggingFaceTokenizer(
        wordPieceFiles(config.minimum > 0 ? trimWordPiece(entries, texts, config.minimum) : entries),
      );
    }
  }
}

/** Encodes a long text line by line. */
export function encodeLong(text: string, tokenizer: Tokenizer): Int32Array {
  return Int32Array.from(linePieces(text).flatMap((piece) => tokenizer.encode(piece)));
}
