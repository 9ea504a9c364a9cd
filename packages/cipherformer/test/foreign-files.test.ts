// Row 9: the files that verbs read besides keys and programs: records of conversions, results of evaluations, inputs. Any
// change of theirs is read or refused with an error of ours, whose message can be shown.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import { ConfigError, DataError, type ImagePreprocess, MissingFileError, parsePreparation } from '@cipherformer/model';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { changed, type Json, linearManifest, places } from '../../runtime/test/protocol/manifest-support.ts';
import { type EarlierResults, readEarlierResults } from '../src/evaluate/results-file.ts';
import { readInputs } from '../src/input/read-input.ts';
import { formOf } from '../src/input/seen.ts';
import { readRecord, readRecordAt } from '../src/report/conversion.ts';
import { syntheticRecord } from './report/record.ts';

const folder = mkdtempSync(join(tmpdir(), 'foreign-'));
const file = join(folder, 'file.json');
afterAll(() => rmSync(folder, { recursive: true }));

const ours = [ConfigError, DataError, UsageError];
type Read = () => unknown;

/** What a read gives for this content; throws what is no error of ours. */
async function outcome(content: string | Uint8Array, read: Read): Promise<'read' | 'refused'> {
  writeFileSync(file, content);
  try {
    await read();
    return 'read';
  } catch (error) {
    if (!ours.some((one) => error instanceof one)) throw error;
    return 'refused';
  }
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json;
const record = plain(syntheticRecord());
const answer = { logits: [1, null], trusted: true, wallSeconds: 1, cpuSeconds: 1, systemSeconds: 1, predictedCpuSeconds: 1, peakRssBytes: 1 }; // biome-ignore format: short
const results = plain({
  ...{ identity: 'id', keyBytes: { predicted: 1, measured: 1 } },
  examples: [
    { index: 0, label: 1, original: [0, 1], polynomial: [0, 1], simulated: [0, 1], encrypted: answer, outside: false },
  ],
});
const manifest = linearManifest();
const { name: _, classes: __, ...structure } = manifest.model;
const preparation = await parsePreparation(structure, new Map(), 'the program');
const { patches } = preparation.preprocess as ImagePreprocess;
const input = plain({ image: Array(patches.channels * patches.height * patches.width).fill(0.5) });
const readInput = (path: string) => readInputs([{ file: path }], formOf(preparation));

const cases: [string, Json, Read][] = [
  ['the record of a conversion', record, () => readRecord(file)],
  ['results of an evaluation', results, () => readEarlierResults(file, 'id', [0])],
  ['an input', input, () => readInput(file)],
];

describe.each(cases)('row 9: %s', (_, original, read) => {
  it('is read as it is', async () => {
    expect(await outcome(JSON.stringify(original), read)).toBe('read');
  });

  it.each(['null', '[]', '0', '"x"', '', '{', '{"format": null}', '\u0000', '['.repeat(1e5)])('%j is refused', async (text) => {
    expect(await outcome(text, read)).toBe('refused');
    expect(await outcome(Uint8Array.of(0xff, 0xfe, 0x22), read)).toBe('refused');
  }); // biome-ignore format: a title

  it('any change of any field', async () => {
    const by = fc.oneof(fc.constantFrom<Json | undefined>(undefined, null, true, [], {}, '', -1, 1e300), fc.jsonValue() as fc.Arbitrary<Json>); // biome-ignore format: short
    const all = places(original);
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length - 1), by, async (at, value) => {
        await outcome(JSON.stringify(changed(original, all[at]!, value)), read);
      }),
      { numRuns: 400, seed: 9 },
    );
  });

  it('any bytes', async () => {
    const text = JSON.stringify(original);
    const damaged = fc.tuple(fc.nat(text.length), fc.uint8Array({ maxLength: 4 })).map(([at, bytes]) => Buffer.concat([Buffer.from(text.slice(0, at)), bytes])); // biome-ignore format: short
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), async (bytes) => {
        await outcome(bytes, read);
      }),
      { numRuns: 200, seed: 9 },
    );
  });
});

it('row 9: a record whose every part has another type is refused', async () => {
  const wrong: Json = { not: 'this' };
  const free = /^(recipe\.(?!name|seed|data$|data\.kind|stages$|stages\.\d+($|\.(name|description|change$|change\.kind|train$|train\.epochs)))|stages\.\d+\.curve\.\d+\.(gradientNorm|terms))/; // biome-ignore format: short
  for (const place of places(record)) {
    if (place.length === 0 || free.test(place.join('.'))) continue;
    const by = typeof place.reduce<unknown>((value, key) => (value as never)[key], record) === 'object' ? 1 : wrong;
    writeFileSync(file, JSON.stringify(changed(record, place, by)));
    expect(() => readRecord(file), place.join('.')).toThrow(ConfigError);
  }
});

it('row 9: the shipped conversions are read', () => {
  for (const name of ['mnist', 'cifar10']) {
    const path = join(import.meta.dirname, `../../../models/${name}-vit-polynomial`);
    expect(readRecordAt(path)).toEqual(JSON.parse(readFileSync(join(path, 'conversion.json'), 'utf8')));
  }
});

it('row 9: an input whose name is one of every object’s is no input', async () => {
  for (const name of ['toString', '__proto__', 'input'])
    expect(await outcome(`{"${name}": [1]}`, () => readInput(file))).toBe('refused');
  await expect(readInput(join(folder, 'none'))).rejects.toThrow(MissingFileError);
});

it('numbers that were not finite come back', () => {
  writeFileSync(file, JSON.stringify(results));
  const found = readEarlierResults(file, 'id', [0]) as EarlierResults;
  expect(found.examples[0]!.encrypted.logits).toEqual([1, Number.NaN]);
});
