// docs/tutorial.md as a reader follows it: its commands one after the other, then its JavaScript, on a tiny BERT that looks as
// `transformers` saves one, and on an insecure ring.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../../../test/source-graph.ts';
import { writeSafetensors } from '../../model/src/files/safetensors-file.ts';
import { wordPieceFiles } from '../../nn/src/text/word-piece.ts';
import { references, tensorsOf, valuesOf } from '../../nn/test/checkpoints/huggingface/references.ts';
import { insecureCli } from './commands/cli.ts';
import { exampleFolder, examplesOf } from './door/examples.ts';
import { bundled, startInsecure } from './service/support.ts';

const tutorial = readFileSync(join(root, 'docs/tutorial.md'), 'utf8');
const blocks = [...tutorial.matchAll(/^```\n(.*?)^```$/gms)].map(([, block]) => block!);
const table = blocks.find((block) => block.startsWith('review,'))!;
const commands = blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith('npx cipherformer '));
/** The first label of what `predict` prints. */
const labelIn = (text: string) => /\b(negative|positive)\b/.exec(text)?.[0];
let answer: string | undefined;

/** The arguments of a command, as a shell has them. */
const argumentsOf = (command: string) =>
  [...command.slice('npx cipherformer '.length).matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain!,
  );

const good = 'a wonderful film';
const bad = 'two hours that felt like four';
const labels = ['negative', 'positive'];
const { folder, run, dispose } = exampleFolder();
const at = (name: string) => join(folder, name);
const before = process.cwd();

function writeModel() {
  const { config, ...bert } = references.find(({ name }) => name === 'bert')!;
  const words = [...new Set(`${good} ${bad} it was and the plot dull lovely`.split(' '))];
  const { tokenizer, config: tokenizerConfig } = wordPieceFiles(['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words]);
  const tensors = tensorsOf({ ...bert, config });
  for (const [name, shape] of [['classifier.weight', [2, 8]], ['classifier.bias', [2]]] as const)
    tensors.set(name, valuesOf(name, shape));
  const name = 'bert.embeddings.word_embeddings.weight';
  tensors.set(name, valuesOf(name, [words.length + 4, 8]));
  mkdirSync(at('my-model'));
  writeSafetensors(at('my-model/model.safetensors'), tensors);
  const files = {
    'config.json': { ...config, vocab_size: words.length + 4, id2label: { 0: labels[0], 1: labels[1] }, label2id: { negative: 0, positive: 1 } },
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': tokenizerConfig,
  };
  for (const [file, value] of Object.entries(files)) writeFileSync(at(`my-model/${file}`), JSON.stringify(value));
} // biome-ignore format: short

beforeAll(() => {
  writeModel();
  const rows = Array.from({ length: 60 }, (_, i) => [
    `"${['', 'it was '][i % 2]}${good}${['', ' and the plot lovely'][(i >> 1) % 2]}",positive`,
    `"${['', 'it was '][i % 2]}${bad}${['', ' and the plot dull'][(i >> 1) % 2]}",negative`,
  ]);
  writeFileSync(at('reviews.csv'), `${table}${rows.flat().join('\n')}\n`);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  dispose();
});

it('its commands lead from a folder to an encrypted answer', async () => {
  expect(commands.map((command) => argumentsOf(command)[0])).toEqual([
    'predict',
    'convert',
    'predict',
    'serve',
    'query',
  ]);
  const [predict, convert, predictPolynomial, serve, query] = commands.map(argumentsOf);
  const original = await insecureCli(...predict!);
  expect([original.code, labels]).toEqual([0, expect.arrayContaining([labelIn(original.out)])]);
  const converted = await insecureCli(...convert!);
  expect(converted.err).toMatch(/columns: text "review" .*label "stars"/);
  expect(converted).toMatchObject({ code: 0, out: expect.stringMatching(/inputs unlike any training example/) });
  const polynomial = await insecureCli(...predictPolynomial!);
  answer = labelIn(polynomial.out);
  expect([polynomial.code, answer]).toEqual([0, labelIn(original.out)]);
  const files = await bundled();
  const { service } = await startInsecure(files.worker, { folders: [at(serve![1]!)], data: at('data') });
  try {
    const asked = query!.map((word) => word.replace('http://127.0.0.1:8080', service.url));
    expect(await insecureCli(...asked)).toMatchObject({ code: 0, out: `${answer} (in range)\n` });
  } finally {
    await service.close();
    files.dispose();
  }
});

it('its JavaScript does the same', async () => {
  // As quick as the commands: by the recipe that --quick writes.
  rmSync(at('my-model-polynomial'), { recursive: true, force: true });
  const [, convert] = commands.map(argumentsOf);
  expect((await insecureCli(...convert!, '--write-recipe', at('quick.json'))).code).toBe(0);
  const quick = `
export const convert = (model, data, options) => door.convert(model, data, { ...options, recipe: 'quick.json' });`;
  const [code] = examplesOf('docs/tutorial.md');
  expect(run(code!, quick)).toBe(answer);
});
