import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { programFromJSON } from '../../packages/approx/src/index.ts';
import { CipherformerError } from '../../packages/base/src/errors.ts';
import { DataError } from '../../packages/model/src/errors.ts';
import type { ModelFiles } from '../../packages/model/src/files/model-files.ts';
import { parseSafetensors, serialiseSafetensors } from '../../packages/model/src/files/safetensors.ts';
import { parsePolynomialModel, serialisePolynomialModel } from '../../packages/model/src/files/serialise.ts';
import { calibrate } from '../../packages/model/src/graph/calibrate.ts';
import { evaluate } from '../../packages/model/src/graph/evaluate.ts';
import { valueShapes } from '../../packages/model/src/graph/shapes.ts';
import { parseImageProcessor } from '../../packages/model/src/images/processor.ts';
import { prepareInput } from '../../packages/model/src/inputs/prepare-input.ts';
import { valueSize } from '../../packages/model/src/operations/definition.ts';
import type { PolynomialModel } from '../../packages/model/src/polynomial-model.ts';
import { huggingFaceTokenizer } from '../../packages/model/src/text/tokenizer.ts';
import { decodeUtf8, parseJson } from '../../packages/model/src/untrusted/index.ts';
import { parseAblation } from '../../packages/nn/src/ablation/recipe.ts';
import { parseLlama2c, parseLlama2cTokenizer } from '../../packages/nn/src/checkpoints/formats/llama2c.ts';
import { readPickle } from '../../packages/nn/src/checkpoints/formats/pickle.ts';
import { parsePth } from '../../packages/nn/src/checkpoints/formats/pth.ts';
import { huggingFaceLayout } from '../../packages/nn/src/checkpoints/huggingface/families.ts';
import { sentenceModules } from '../../packages/nn/src/checkpoints/huggingface/sentence-transformers.ts';
import { parseIndex } from '../../packages/nn/src/checkpoints/huggingface/weight-files.ts';
import { parseConversion } from '../../packages/nn/src/convert/recipe.ts';
import { load } from '../../packages/nn/src/data/datasets.ts';
import { parseCifar10, parseMnist } from '../../packages/nn/src/data/images.ts';
import { parseClasses } from '../../packages/nn/src/data/pictures.ts';
import { parseTexts, type TextFormat } from '../../packages/nn/src/data/texts.ts';
import { makePolynomialModel, type PolynomialModelSource } from '../../packages/nn/src/lower/make-model.ts';
import { readParquet } from '../../packages/nn/src/sources/parquet.ts';
import { trainByteBpe } from '../../packages/nn/src/text/bpe.ts';
import { parseBpe, parseWordPieceEntries } from '../../packages/nn/src/text/tokenizer-folder.ts';
import { wordPieceFiles } from '../../packages/nn/src/text/word-piece.ts';
import { parseRecipe } from '../../packages/nn/src/train/recipe.ts';
import { parseModelConfig } from '../../packages/nn/src/transformer/config.ts';
import { parameterSpecs } from '../../packages/nn/src/transformer/weights.ts';
import { Pickle, zip } from '../../packages/nn/test/checkpoints/formats/pickles.ts';
import { references } from '../../packages/nn/test/checkpoints/huggingface/references.ts';
import { bertMean, gpt, livelyWeights, polynomialForm, vit } from '../../packages/nn/test/lower/support.ts';
import { type Mutation, mutateBytes, mutateJson, mutateJsonHeader, mutateJsonLines, mutateLines } from './mutate.ts';
import type { Reader } from './reader.ts';

const root = join(import.meta.dirname, '../..');
const encoded = (value: string) => new TextEncoder().encode(value);
const json = (value: unknown) => encoded(JSON.stringify(value));
const words = [mutateJson, mutateJson, mutateJson, mutateBytes];

const reader = (
  name: string,
  seeds: readonly Uint8Array[],
  read: Reader['read'],
  more: { mutations?: readonly Mutation[]; share?: number; errors?: Reader['errors'] } = {},
): Reader => ({ name: `nn ${name}`, seeds, read, errors: [CipherformerError], ...more });

/** The JSON of the bytes, refused as the readers of files do. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseJson(decodeUtf8(bytes));
  } catch (error) {
    throw new DataError(`not JSON: ${(error as Error).message.slice(0, 100)}`);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new DataError('not UTF-8 text');
  }
}

// Images.
const sample = (name: string) => gunzipSync(readFileSync(join(root, 'packages/nn/test/data', name)));
const images = Buffer.from(sample('mnist-100-images-idx3-ubyte.gz').subarray(0, 16 + 3 * 784));
const labels = Buffer.from(sample('mnist-100-labels-idx1-ubyte.gz').subarray(0, 8 + 3));
for (const file of [images, labels]) file.writeUInt32BE(3, 4);
const mnist = (imageBytes: Uint8Array, labelBytes: Uint8Array) =>
  parseMnist({ where: 'images', bytes: imageBytes }, { where: 'labels', bytes: labelBytes });
const records = new Uint8Array(2 * 3073).fill(3);

// Texts.
const columns = { text: 'text', label: 'label' };
const texts = (format: TextFormat) => (bytes: Uint8Array) => parseTexts(textOf(bytes), format, 'texts', columns, 4);
const csv = ['text,label,id\n"one, ""two""\nlines",1,7\nthree,0,8\n', 'label,text\r\n3,"a"\r\n2,b\r\n'].map(encoded);
const tsv = ['label\ttext\n1\tone, two\n0\tthree "four"\n', 'text\tlabel\r\na\t3\r\n'].map(encoded);
const lines = ['{"text":"one","label":1,"more":[{}]}\n{"text":"two","label":"0"}\n'].map(encoded);

const parquet = readFileSync(join(root, 'packages/nn/test/data/three-rows.parquet'));

// Data as people have it: a file that is changed, read from where it lies.
const folder = mkdtempSync(join(tmpdir(), 'fuzz-data-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const ownTokenizer = () => huggingFaceTokenizer(wordPiece);
const ownTexts = (name: string, skip: boolean) => (bytes: Uint8Array) => {
  writeFileSync(join(folder, name), bytes);
  return load({ from: name, skip }, { root: folder, tokenizer: ownTokenizer(), tokens: 8 });
};
const ownImages = (bytes: Uint8Array) => {
  writeFileSync(join(folder, 'images.parquet'), bytes);
  return load({ from: 'images.parquet', skip: true }, { root: folder });
};
const ownPictures = (bytes: Uint8Array) => {
  mkdirSync(join(folder, 'zoo/a'), { recursive: true });
  for (let i = 0; i < 8; i++) writeFileSync(join(folder, `zoo/a/${i}.png`), bytes);
  return load({ from: 'zoo' }, { root: folder });
};
const examples = Array.from({ length: 14 }, (_, i) => [`hello ${i}`, `${i % 3}`] as const);
const ownCsv = [',', ';'].map((mark) => encoded(`text${mark}label\n${examples.map(([a, b]) => `"${a}"${mark}${b}\r\n`).join('')}`)); // biome-ignore format: a line
const ownLines = [encoded(examples.map(([text, label]) => JSON.stringify({ text, label: Number(label) })).join('\n'))];
const own = JSON.parse(readFileSync(join(root, 'packages/nn/test/data/hugging-face.parquet.json'), 'utf8')) as Record<string, string>; // biome-ignore format: a line
const ownParquet = (...kinds: string[]) =>
  Object.entries(own).flatMap(([name, file]) => (kinds.some((kind) => name.startsWith(kind)) ? [new Uint8Array(Buffer.from(file, 'base64'))] : [])); // biome-ignore format: a line
const pictureFiles = (
  JSON.parse(readFileSync(join(root, 'packages/model/test/references/pictures.json'), 'utf8')) as { file: string }[]
).map(({ file }) => new Uint8Array(Buffer.from(file, 'base64')));

// Weights.
const tensors = new Map([
  ['a', { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) }],
  ['b.c', { shape: [], data: Float32Array.of(42) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
]);
const pickle = new Pickle()
  .dictionary({
    'layer.weight': (p) => p.tensor('0', 'FloatStorage', 0, [2, 3], [3, 1]),
    half: (p) => p.tensor('0', 'HalfStorage', 1, [4], [1]),
    inner: (p) => p.dictionary({ count: (q) => q.tensor('1', 'LongStorage', 0, [], []) }),
  })
  .end();
// A Buffer's slices share its memory: what is changed would stay changed.
const archive = Uint8Array.from(
  zip({ 'm/data.pkl': pickle, 'm/data/0': new Uint8Array(24), 'm/data/1': new Uint8Array(8) }),
);
const llama = (vocabulary: number) => {
  const values = 16 * 4 + 4 + 4 * 16 + 4 + 3 * 32 + 4 + 2 * 8;
  const header = Int32Array.of(4, 8, 1, 2, 2, vocabulary, 8);
  return new Uint8Array(
    Buffer.concat([new Uint8Array(header.buffer), new Uint8Array(4 * (values + (vocabulary < 0 ? 64 : 0)))]),
  );
};
const piece = (text: string) =>
  Buffer.concat([Buffer.alloc(4), Buffer.from(Int32Array.of(text.length).buffer), Buffer.from(text)]);
const pieces = new Uint8Array(
  Buffer.concat([
    Buffer.from(Int32Array.of(9).buffer),
    piece('<unk>'),
    piece('<s>'),
    piece('</s>'),
    piece('<0x0A>'),
    piece('ab'),
    piece(''),
  ]),
);

// Tokenizers.
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', '##c', 'hello', 'world', '!', '?'];
const wordPiece = wordPieceFiles(entries);
const bpe = trainByteBpe(['the cat sat on the mat'], 270);
const unigram = {
  ...wordPiece.tokenizer,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['▁', -2],
      ['a', -1.5],
      ['▁hello', -3],
    ],
  },
};
const tokenised = JSON.parse(
  readFileSync(join(root, 'packages/model/test/references/tokenised.json'), 'utf8'),
) as Parameters<typeof huggingFaceTokenizer>[0][];
const processors = JSON.parse(readFileSync(join(root, 'packages/model/test/references/processed.json'), 'utf8')) as {
  config: object;
}[];
const configs = [
  { tokenizer_class: 'BertTokenizer', do_lower_case: false, strip_accents: null, cls_token: '[CLS]', mask_token: { content: '[MASK]', lstrip: true } }, // biome-ignore format: a line each
  { bos_token: '[CLS]', add_bos_token: true, additional_special_tokens: ['<a>'], added_tokens_decoder: { 400: { content: '<b>', special: true } }, model_max_length: 12 }, // biome-ignore format: a line each
];
function useTokenizer(files: Parameters<typeof huggingFaceTokenizer>[0]): void {
  const tokenizer = huggingFaceTokenizer(files);
  tokenizer.encodeInput('hello [MASK] wörld', { pair: 'the cat', maxTokens: 70 });
  tokenizer.decode(tokenizer.encode('hello, [CLS] wörld!\n the cat'));
}
const vocabulary = (bpe.tokenizer.model as { vocab: Record<string, number> }).vocab;
const merges = (bpe.tokenizer.model as { merges: string[] }).merges.join('\n');
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
function readVocabulary(bytes: Uint8Array): void {
  const value = jsonOf(bytes);
  if (!isObject(value)) throw new DataError('no object');
  useTokenizer(parseBpe(value, 'vocab.json', merges, 'merges.txt'));
}

// Configurations and recipes.
const foreign = references.map(({ config }) => json(config));
const ownConfigs = [vit, bertMean, gpt].map(json);
const modules: readonly (readonly [name: string, value: unknown])[] = [
  [
    'modules.json',
    ['Transformer', 'Pooling', 'Normalize'].map((type, idx) => ({
      idx,
      name: `${idx}`,
      path: idx === 0 ? '' : `${idx}_${type}`,
      type: `sentence_transformers.models.${type}`,
    })),
  ],
  [
    '1_Pooling/config.json',
    { word_embedding_dimension: 8, pooling_mode_cls_token: false, pooling_mode_mean_tokens: true },
  ],
  ['sentence_bert_config.json', { max_seq_length: 16, do_lower_case: false }],
  ['config_sentence_transformers.json', { prompts: {}, default_prompt_name: null }],
];
/** One file of a folder in the place of each. */
function readModules(value: unknown): void {
  const files = new Map(modules);
  const refusals = modules.flatMap(([name]) => {
    try {
      sentenceModules((one) => (one === name ? value : files.get(one)), 'folder');
      return [];
    } catch (error) {
      if (!(error instanceof CipherformerError)) throw error;
      return [error];
    }
  });
  if (refusals.length === modules.length) throw refusals[0]!;
}
const shardIndices = [
  { metadata: { total_size: 3 }, weight_map: { a: 'model-00001-of-00002.safetensors', b: 'pytorch_model-2.bin' } },
].map(json);
const recipes = (folder: string) =>
  readdirSync(join(root, 'recipes', folder), { withFileTypes: true })
    .filter((file) => file.isFile() && /(?<!\.log)\.json$/.test(file.name) && file.name !== 'reproduce.json')
    .map((file) => new Uint8Array(readFileSync(join(root, 'recipes', folder, file.name))));

// Polynomial models.
function polynomialFiles(
  source: Omit<PolynomialModelSource, 'weights' | 'card'>,
  input: Parameters<typeof prepareInput>[1],
) {
  const card = { name: 'Test model', stages: [{ stage: 'original', metric: 'accuracy', value: 0.9 }], margin: 1.5 };
  const model = makePolynomialModel({ ...source, weights: livelyWeights(source.config, 3), card }, { tokens: 6 });
  return serialisePolynomialModel({ ...model, graph: calibrate(model.graph, [prepareInput(model, input)], 1.5) });
}
const pixels = Uint8Array.from({ length: 72 }, (_, i) => (37 * i) % 256);
export const ofImages = polynomialFiles(
  { config: polynomialForm(vit), classes: ['a', 'b', 'c', 'd', 'e'] },
  { pixels },
);
export const ofTexts = polynomialFiles(
  { config: polynomialForm(bertMean), tokenizer: wordPiece },
  { text: 'hello b!' },
);
/** As many as bertMean has outputs. */
const documents = ['first', 'second,\nof two lines', 'dritter \u00fc'];
/** A search: texts of documents in the place of classes. */
const ofSearch = serialisePolynomialModel({ ...parsePolynomialModel(ofTexts, 'model'), documents });
const ofTokens = polynomialFiles({ config: polynomialForm(gpt) }, { ids: [1, 2, 3] });

/** Reads a model with one file in place of its own, and runs it where that is quick: what is accepted has to run. */
const withFile = (files: ModelFiles, name: string) => (bytes: Uint8Array) => {
  const model = parsePolynomialModel(new Map([...files, [name, bytes]]), 'model');
  if (valueShapes(model.graph).every((shape) => valueSize(shape) <= 2 ** 12)) run(model);
};
function run({ graph }: PolynomialModel): void {
  const inputs = graph.nodes.flatMap((node) =>
    node.op === 'input' ? [[node.name, new Float64Array(graph.tokens * node.features)] as const] : [],
  );
  evaluate(graph, Object.fromEntries(inputs));
}
const file = (files: ModelFiles, name: string) => [files.get(name)!];
const modelErrors = [CipherformerError];

export const nnReaders: readonly Reader[] = [
  reader('IDX images', [images], (bytes) => mnist(bytes, labels)),
  reader('IDX labels', [labels], (bytes) => mnist(images, bytes)),
  reader('CIFAR-10', [records], (bytes) => parseCifar10([{ where: 'records', bytes }])),
  reader('classes of pictures', [encoded('n01\tgoldfish\nn02\tnewt\n'), encoded('cat\r\ndog\r\n')], (bytes) => parseClasses(textOf(bytes), 'classes')), // biome-ignore format: a line
  reader('Parquet', [parquet], (bytes) => readParquet(bytes, 'rows', ['text', 'label'])),
  reader('own CSV', ownCsv, ownTexts('own.csv', false), { mutations: [mutateBytes, mutateLines], share: 0.3 }),
  reader('own CSV, rows left out', ownCsv, ownTexts('own.csv', true), { mutations: [mutateBytes, mutateLines], share: 0.3 }), // biome-ignore format: a line
  reader('own JSON lines', ownLines, ownTexts('own.jsonl', true), { mutations: [mutateBytes, mutateJsonLines], share: 0.3 }), // biome-ignore format: a line
  reader('own Parquet of texts', ownParquet('texts', 'gaps'), ownTexts('own.parquet', true), { share: 0.3 }),
  reader('own Parquet of images', ownParquet('images'), ownImages, { share: 0.2 }),
  reader('own folder of pictures', pictureFiles, ownPictures, { share: 0.2 }),
  reader('CSV', csv, texts('csv'), { mutations: [mutateBytes, mutateLines] }),
  reader('TSV', tsv, texts('tsv'), { mutations: [mutateBytes, mutateLines] }),
  reader('JSON lines', lines, texts('jsonl'), { mutations: [mutateBytes, mutateJsonLines, mutateJsonLines] }),
  reader(
    'safetensors',
    [serialiseSafetensors(tensors), serialiseSafetensors(tensors, { note: 'x' })],
    (bytes) => parseSafetensors(bytes, 'weights'),
    {
      mutations: [mutateBytes, mutateJsonHeader(0, 8)],
    },
  ),
  reader('pickle', [pickle], (bytes) => readPickle(bytes, 'pickle')),
  reader('PyTorch archive', [archive], (bytes) => parsePth({ where: 'archive', bytes })),
  reader('llama2.c weights', [llama(16), llama(-16)], (bytes) => parseLlama2c({ where: 'weights', bytes })),
  reader('llama2.c tokenizer', [pieces], (bytes) => {
    huggingFaceTokenizer(parseLlama2cTokenizer({ where: 'pieces', bytes })).encodeInput('ab');
  }),
  reader(
    'tokenizer.json',
    [wordPiece.tokenizer, bpe.tokenizer, unigram, ...tokenised.map(({ tokenizer }) => tokenizer)].map(json),
    (bytes) => useTokenizer({ tokenizer: jsonOf(bytes) as Record<string, unknown>, config: {} }),
    { mutations: words },
  ),
  reader(
    'tokenizer_config.json',
    [wordPiece.config, bpe.config, ...configs].map(json),
    (bytes) => useTokenizer({ ...wordPiece, config: jsonOf(bytes) as Record<string, unknown> }),
    { mutations: words },
  ),
  reader(
    'preprocessor_config.json',
    processors.map(({ config }) => json(config)),
    (bytes) => parseImageProcessor(jsonOf(bytes), { channels: 3, height: 8, width: 8 }, 'processor'),
    { mutations: words },
  ),
  reader(
    'vocab.txt',
    [encoded(`${entries.join('\n')}\n`)],
    (bytes) => useTokenizer(wordPieceFiles(parseWordPieceEntries(textOf(bytes), 'vocab.txt'))),
    { mutations: [mutateBytes, mutateLines] },
  ),
  reader('vocab.json', [json(vocabulary)], readVocabulary, { mutations: words }),
  reader(
    'merges.txt',
    [encoded(merges)],
    (bytes) => useTokenizer(parseBpe(vocabulary, 'vocab.json', textOf(bytes), 'merges.txt')),
    { mutations: [mutateBytes, mutateLines] },
  ),
  reader(
    'Hugging Face config',
    foreign,
    (bytes) => parameterSpecs(huggingFaceLayout(jsonOf(bytes), 'config.json').config),
    { mutations: words },
  ),
  reader(
    'sentence-transformers modules',
    modules.map(([, value]) => json(value)),
    (bytes) => readModules(jsonOf(bytes)),
    { mutations: words },
  ),
  reader('index of shards', shardIndices, (bytes) => parseIndex(jsonOf(bytes), 'index.json'), { mutations: words }),
  reader('model config', ownConfigs, (bytes) => parameterSpecs(parseModelConfig(jsonOf(bytes), 'config.json')), {
    mutations: words,
  }),
  reader('training recipe', recipes('.'), (bytes) => parseRecipe(jsonOf(bytes), 'recipe'), { mutations: words }),
  reader('conversion recipe', recipes('convert'), (bytes) => parseConversion(jsonOf(bytes), 'recipe'), {
    mutations: words,
  }),
  reader('ablation recipe', recipes('ablate'), (bytes) => parseAblation(jsonOf(bytes), 'recipe'), { mutations: words }),
  reader('polynomial model of images', file(ofImages, 'polynomial.json'), withFile(ofImages, 'polynomial.json'), {
    mutations: words,
    errors: modelErrors,
  }),
  reader('polynomial model of texts', file(ofTexts, 'polynomial.json'), withFile(ofTexts, 'polynomial.json'), {
    mutations: words,
    errors: modelErrors,
  }),
  reader('polynomial language model', file(ofTokens, 'polynomial.json'), withFile(ofTokens, 'polynomial.json'), {
    mutations: words,
    errors: modelErrors,
  }),
  reader('polynomial model weights', file(ofTexts, 'model.safetensors'), withFile(ofTexts, 'model.safetensors'), {
    mutations: [mutateBytes, mutateJsonHeader(0, 8)],
    errors: modelErrors,
  }),
  reader('polynomial model documents', file(ofSearch, 'documents.json'), withFile(ofSearch, 'documents.json'), {
    mutations: words,
    errors: modelErrors,
  }),
  reader('polynomial model tokenizer', file(ofTexts, 'tokenizer.json'), withFile(ofTexts, 'tokenizer.json'), {
    mutations: words,
    errors: modelErrors,
  }),
  {
    name: 'approx program',
    seeds: [
      {
        interval: [-1, 3],
        steps: [
          { op: 'polynomial', value: 0, coefficients: [1, 0.5, 0.25] },
          { op: 'square', value: 1 },
        ],
      },
      {
        interval: [0, 1],
        steps: [
          { op: 'affine', terms: [{ value: 0, factor: 2 }], offset: 1 },
          { op: 'product', left: 0, right: 1 },
        ],
      },
    ].map(json),
    read: (bytes) => programFromJSON(jsonOf(bytes)),
    errors: [CipherformerError],
    mutations: words,
  },
];
