import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageSet } from '@cipherformer/nn';
import { pixelsOf } from './samples.ts';
import { runVerb } from './verbs.ts';

/** One encrypted question, measured by the processes that answered it. */
export interface MeasuredAnswer {
  readonly logits: readonly number[];
  /** False where the client found that the input left the polynomials' intervals. */
  readonly trusted: boolean;
  readonly inputBytes: number;
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

export interface DemoKeys {
  readonly secret: string;
  readonly evaluation: string;
  readonly evaluationBytes: number;
}

export async function makeKeys(program: string, folder: string): Promise<DemoKeys> {
  const made = await runVerb(['keygen', program, '--out', folder]);
  return made as unknown as DemoKeys;
}

/** Encrypts image i, runs the program on it with the evaluation keys alone, and decrypts the answer. */
export async function askEncrypted(
  program: string,
  keys: DemoKeys,
  images: ImageSet,
  i: number,
  folder: string,
): Promise<MeasuredAnswer> {
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, `${name}-${i}`);
  const [plain, input, output] = [`${file('image')}.json`, `${file('input')}.bin`, `${file('output')}.bin`];
  writeFileSync(plain, JSON.stringify({ pixels: pixelsOf(images, i) }));
  const { bytes } = await runVerb(['encrypt', program, '--keys', keys.secret, '--input', plain, '--out', input]);
  const run = await runVerb(['run', program, '--keys', keys.evaluation, '--input', input, '--out', output]);
  const decrypt = ['decrypt', program, '--keys', keys.secret, '--input', output, '--request', input];
  const { results } = await runVerb([...decrypt, '--reveal', '--force']);
  const [{ inRange, logits }] = results as [{ inRange: boolean; logits: number[] }];
  return {
    ...(run as unknown as Omit<MeasuredAnswer, 'logits' | 'inputBytes' | 'trusted'>),
    logits,
    trusted: inRange,
    inputBytes: bytes as number,
  };
}
