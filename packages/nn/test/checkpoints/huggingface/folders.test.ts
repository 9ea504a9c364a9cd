// Folders as people have them, and as a stranger may make them.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { FormatError, MissingFileError, WeightError } from '../../../../model/src/errors.ts';
import { writeSafetensors } from '../../../../model/src/files/safetensors-file.ts';
import type { StoredTensor } from '../../../../model/src/files/stored-tensor.ts';
import { loadModel } from '../../../src/checkpoints/load.ts';
import { Pickle, zip } from '../formats/pickles.ts';
import { difference, outputOf, references, tensorsOf, valuesOf } from './references.ts';

const root = mkdtempSync(join(tmpdir(), 'folders-'));
afterAll(() => rmSync(root, { recursive: true }));
const bert = references.find(({ name }) => name === 'bert')!;
const encoder = references.find(({ name }) => name === 'bert encoder')!;
const tensors = tensorsOf(bert);

let folder = '';
let count = 0;
const at = (name: string) => join(folder, name);
const json = (name: string, value: unknown) => writeFileSync(at(name), JSON.stringify(value));
const weights = (map: ReadonlyMap<string, StoredTensor>, name = 'model.safetensors') => writeSafetensors(at(name), map);
beforeEach(() => {
  folder = join(root, `${count++}`);
  mkdirSync(folder);
  json('config.json', bert.config);
});

/** The folder gives what the reference does. */
async function expectRight(): Promise<void> {
  expect(difference(await outputOf(loadModel(folder), bert), bert.output)).toBeLessThan(1e-5);
}
const renamed = (change: (name: string) => string) => new Map([...tensors].map(([name, t]) => [change(name), t]));

describe('names of tensors', () => {
  it('gamma and beta of TensorFlow', async () => {
    const old = renamed((name) =>
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
    );
    expect([...old.keys()].filter((name) => name.endsWith('gamma')).length).toBeGreaterThan(4);
    weights(old);
    await expectRight();
  });

  it('without a prefix, with numbers and heads that are not read', async () => {
    const short = renamed((name) => name.replace(/^bert\./, ''));
    short.set('embeddings.position_ids', valuesOf('x', [1, 16]));
    short.set('cls.predictions.bias', valuesOf('y', [20]));
    weights(short);
    await expectRight();
  });

  it('a tensor with no place is refused by name', () => {
    weights(new Map([...tensors, ['bert.encoder.layer.2.extra', valuesOf('z', [2])]]));
    expect(() => loadModel(folder)).toThrow(/1 tensors have no place in the model: "bert\.encoder\.layer\.2\.extra"/);
  });
});

describe('files of weights', () => {
  /** A safetensors file with one tensor more, of `bytes` zeros that take no room on the disk. */
  function withLarge(dtype: string, name: string, bytes: number): void {
    const entries: Record<string, unknown> = {};
    let position = 0;
    const data: Uint8Array[] = [];
    for (const [one, { shape, data: values }] of tensors) {
      if (one === name) continue;
      entries[one] = { dtype: 'F32', shape, data_offsets: [position, position + values.byteLength] };
      position += values.byteLength;
      data.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    entries[name] = { dtype, shape: [bytes], data_offsets: [position, position + bytes] };
    const header = new TextEncoder().encode(JSON.stringify(entries));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    const file = openSync(at('model.safetensors'), 'w');
    for (const part of [length, header, ...data]) writeSync(file, part);
    ftruncateSync(file, 8 + header.length + position + bytes);
    closeSync(file);
  }

  it('of 5 GB, of which a part of an unknown type is not read', async () => {
    withLarge('F8_E4M3', 'cls.large', 5e9);
    await expectRight();
  });

  it('an unknown type that is needed is named', () => {
    withLarge('F8_E4M3', 'classifier.bias', 3);
    expect(() => loadModel(folder)).toThrow(/"classifier\.bias" has the unknown element type "F8_E4M3"/);
  });

  const pickled = (map: ReadonlyMap<string, StoredTensor>, more: Record<string, Uint8Array> = {}) => {
    const entries = [...map];
    const strides = (shape: readonly number[]) => shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
    const pickle = new Pickle()
      .dictionary(
        Object.fromEntries([
          ...entries.map(([name, { shape }], i) => [
            name,
            (p: Pickle) => p.tensor(`${i}`, 'FloatStorage', 0, [...shape], strides(shape)),
          ]),
          ...Object.keys(more).map((name) => [name, (p: Pickle) => p.tensor(name, 'CharStorage', 0, [1], [1])]),
        ]),
      )
      .end();
    const files = entries.map(([, { data }], i) => [
      `m/data/${i}`,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]);
    return zip({ 'm/data.pkl': pickle, ...Object.fromEntries(files) });
  };

  it('a lone pytorch_model.bin, whose unused tensors may be of any type', async () => {
    writeFileSync(at('pytorch_model.bin'), pickled(tensors, { 'cls.scale': new Uint8Array(1) }));
    await expectRight();
  });

  it('pytorch_model.bin in shards', async () => {
    const names = [...tensors.keys()];
    const shard = (i: number) => `pytorch_model-0000${(i % 2) + 1}-of-00002.bin`;
    for (const half of [0, 1])
      writeFileSync(at(shard(half)), pickled(new Map([...tensors].filter((_, i) => i % 2 === half))));
    json('pytorch_model.bin.index.json', { weight_map: Object.fromEntries(names.map((name, i) => [name, shard(i)])) });
    await expectRight();
  });

  it('a pointer of Git LFS is called one', () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 438064459\n';
    for (const name of ['model.safetensors', 'pytorch_model.bin']) {
      writeFileSync(at(name), pointer);
      expect(() => loadModel(folder)).toThrow(FormatError);
      expect(() => loadModel(folder)).toThrow(
        /is a pointer of Git LFS, not the file itself: fetch it with "git lfs pull"/,
      );
      rmSync(at(name));
    }
  });

  it('a header that claims more than the file holds', () => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 62n, true);
    writeFileSync(at('model.safetensors'), bytes);
    expect(() => loadModel(folder)).toThrow(/its header claims 4611686018427387904 bytes of a file of 64/);
  });

  it('no weights at all', () => {
    expect(() => loadModel(folder)).toThrow(/has none of model\.safetensors, /);
  });
});

describe('paths of strangers', () => {
  const secret = join(root, 'secret.safetensors');

  it.each([
    '../secret.safetensors',
    '/etc/passwd',
    '..',
    'a/b.safetensors',
    'x.safetensors\u0000',
    '.safetensors',
    'config.json',
  ])('a shard %j', (shard) => {
    weights(tensors, '../secret.safetensors');
    json('model.safetensors.index.json', { weight_map: { a: shard } });
    expect(() => loadModel(folder)).toThrow(FormatError);
    expect(() => loadModel(folder)).toThrow(/which is not a file beside it/);
  });

  it('links that leave the folder are refused, those inside and those of a cache of snapshots are followed', async () => {
    writeSafetensors(secret, tensors);
    symlinkSync(secret, at('model.safetensors'));
    expect(() => loadModel(folder)).toThrow(/is a link to .*secret\.safetensors", which is not in the folder/);
    rmSync(at('model.safetensors'));
    symlinkSync(at('missing'), at('model.safetensors'));
    expect(() => loadModel(folder)).toThrow(WeightError);
    rmSync(at('model.safetensors'));
    weights(tensors, 'blob.safetensors');
    symlinkSync('blob.safetensors', at('model.safetensors'));
    await expectRight();
    const cache = join(root, 'models--x');
    mkdirSync(join(cache, 'snapshots', 'abc'), { recursive: true });
    mkdirSync(join(cache, 'blobs'));
    renameSync(at('blob.safetensors'), join(cache, 'blobs', '1234'));
    symlinkSync('../../blobs/1234', join(cache, 'snapshots', 'abc', 'model.safetensors'));
    renameSync(at('config.json'), join(cache, 'snapshots', 'abc', 'config.json'));
    folder = join(cache, 'snapshots', 'abc');
    await expectRight();
  });
});

describe('folders of sentence-transformers', () => {
  const modules = (types: readonly string[], paths = ['', '1_Pooling', '2_Normalize']) =>
    json(
      'modules.json',
      types.map((type, idx) => ({
        idx,
        name: `${idx}`,
        path: paths[idx],
        type: `sentence_transformers.models.${type}`,
      })),
    );
  const pooling = (value: object) => {
    mkdirSync(at('1_Pooling'), { recursive: true });
    json('1_Pooling/config.json', { word_embedding_dimension: 8, ...value });
  };
  const three = ['Transformer', 'Pooling', 'Normalize'];
  beforeEach(() => {
    json('config.json', encoder.config);
    weights(tensorsOf(encoder));
    modules(three);
    pooling({ pooling_mode_mean_tokens: true });
  });
  const length = (values: readonly number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

  it('give the mean of the tokens at length 1, cut to the length that they name', async () => {
    json('sentence_bert_config.json', { max_seq_length: 12, do_lower_case: false });
    const model = loadModel(folder);
    expect(model.config.task).toBe('text-embedding');
    expect(model.config.embedding).toMatchObject({ maxTokens: 12 });
    const mean = encoder.output as number[];
    const got = await outputOf(model, encoder, [6, 6]);
    expect(got.length).toBe(8);
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(mean[i]! / length(mean), 5);
    });
  });

  it('read other ways of pooling, and the transformer in a folder of its own', async () => {
    modules(['Transformer', 'Pooling'], ['0_Transformer', '1_Pooling']);
    mkdirSync(at('0_Transformer'));
    for (const name of ['config.json', 'model.safetensors']) renameSync(at(name), at(`0_Transformer/${name}`));
    const read = async (value: object) => {
      pooling(value);
      return outputOf(loadModel(folder), encoder, [6, 6]);
    };
    const mean = await read({});
    mean.forEach((value, i) => {
      expect(value).toBeCloseTo((encoder.output as number[])[i]!, 5);
    });
    const [first, largest] = [
      await read({ pooling_mode_mean_tokens: false, pooling_mode_cls_token: true }),
      await read({ pooling_mode: 'max' }),
    ];
    mean.forEach((value, i) => {
      expect(largest[i]!).toBeGreaterThanOrEqual(Math.max(value, first[i]!) - 1e-6);
    });
    expect(first).not.toEqual(largest);
  });

  it.each([
    [['Transformer', 'Pooling', 'Dense'], undefined, /lists "Transformer", "Pooling", "Dense"\. Read are/],
    [['Transformer', 'Pooling'], ['', '../1_Pooling'], /path: has to be a folder in that of the modules/],
    [['Transformer', 'Pooling'], ['..', '1_Pooling'], /path: has to be a folder/],
    [['Transformer', 'Pooling'], ['', '/etc'], /path: has to be a folder/],
  ])('refuse %j in %j', (types, paths, message) => {
    modules(types, paths);
    expect(() => loadModel(folder)).toThrow(message);
  });

  it('refuse several ways at once, lower case before the tokenizer, words before each text', () => {
    pooling({ pooling_mode_cls_token: true });
    expect(() => loadModel(folder)).toThrow(/asks for 2 ways of pooling \(class, mean\)/);
    pooling({ pooling_mode_mean_sqrt_len_tokens: true });
    expect(() => loadModel(folder)).toThrow(/pooling_mode_mean_sqrt_len_tokens/);
    pooling({ shiny: 1 });
    expect(() => loadModel(folder)).toThrow(/shiny/);
    pooling({});
    json('sentence_bert_config.json', { do_lower_case: true });
    expect(() => loadModel(folder)).toThrow(/do_lower_case/);
    rmSync(at('sentence_bert_config.json'));
    json('config_sentence_transformers.json', { prompts: { query: 'q: ' }, default_prompt_name: 'query' });
    expect(() => loadModel(folder)).toThrow(/default_prompt_name/);
  });

  it('refuse links that leave the folder', () => {
    rmSync(at('1_Pooling'), { recursive: true });
    const outside = join(root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'config.json'), '{}');
    symlinkSync(outside, at('1_Pooling'));
    expect(() => loadModel(folder)).toThrow(/is a link to/);
    rmSync(at('config.json'));
    expect(() => loadModel(folder)).toThrow(FormatError);
    rmSync(at('modules.json'));
    expect(() => loadModel(folder)).toThrow(MissingFileError);
  });
});
