import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, type Tokenizer } from '@cipherformer/model';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import { z } from 'zod';
import type { Model } from '../../checkpoints/model-folder.ts';
import type { SelfWrittenConfig } from '../../data/config.ts';
import { type CorpusDataSet, corpusDataSet } from '../../data/dataset.ts';
import type { LanguageSet } from '../../data/splits.ts';
import { writeTexts } from '../../evaluate/write-texts.ts';

export interface SelfWrittenOptions {
  readonly tokenizer: Tokenizer;
  /** Where what was written is kept for a later call. Default: nowhere. */
  readonly folder?: string;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

const keptFile = 'self-written.json';
const keptSchema = z.strictObject({ config: z.unknown(), texts: z.array(z.array(z.int().min(0))) });

/**
 * The data of a language model that nobody has data for: texts that the model writes itself, drawn from its own
 * distribution, which is what distillation asks about. The last texts are held out.
 * @throws ConfigError where no token says how a text begins; the signal's reason
 * Cost: see writeTexts; 4,000 texts of 128 tokens of a model of 260,000 parameters take minutes.
 */
export async function selfWrittenData(
  { config, weights }: Model,
  data: SelfWrittenConfig,
  { tokenizer, folder, threads, signal }: SelfWrittenOptions,
): Promise<CorpusDataSet> {
  const { texts: training, held, tokens, temperature, seed } = data;
  const beginning = data.beginning ?? tokenizer.encodeInput('').ids[0];
  if (beginning === undefined)
    throw new ConfigError(
      'The tokenizer puts no mark before a text, so nothing says how a text begins: give "beginning" in the recipe\'s data, a token\'s number.',
    );
  const file = folder === undefined ? undefined : join(folder, keptFile);
  const kept = file === undefined ? undefined : readKept(file, data);
  const texts =
    kept ??
    (await writeTexts(config, weights, {
      ...{ count: training + 2 * held, tokens: tokens + 1, beginning, temperature, seed },
      ...(threads === undefined ? {} : { threads }),
      ...(signal ? { signal } : {}),
    }));
  if (file !== undefined && !kept)
    writeAtomically(file, JSON.stringify({ config: data, texts: texts.map((text) => [...text]) }));
  const parts = {
    train: texts.slice(0, training),
    validation: texts.slice(training, training + held),
    test: texts.slice(training + held),
  };
  return corpusDataSet((name) => languageSet(parts[name], tokenizer), { tokens, tokenizer });
}

function readKept(file: string, config: SelfWrittenConfig): Int32Array[] | undefined {
  if (!existsSync(file)) return undefined;
  const { success, data } = keptSchema.safeParse(readJson(file));
  return success && isDeepStrictEqual(data.config, config)
    ? data.texts.map((text) => Int32Array.from(text))
    : undefined;
}

function languageSet(streams: readonly Int32Array[], tokenizer: Tokenizer): LanguageSet {
  const texts = streams.map((stream) => tokenizer.decode([...stream]));
  return {
    streams,
    characters: texts.reduce((sum, text) => sum + text.length, 0),
    words: texts.reduce((sum, text) => sum + text.split(/\s+/).filter(Boolean).length, 0),
    apart: true,
  };
}
