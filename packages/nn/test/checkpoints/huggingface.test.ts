import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError, WeightError } from '../../../model/src/errors.ts';
import { writeSafetensors } from '../../../model/src/files/safetensors-file.ts';
import type { StoredTensor, Weights } from '../../../model/src/files/stored-tensor.ts';
import { loadModel } from '../../src/checkpoints/load.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { Random } from '../../src/random.ts';
import { addRows, geluExact, geluNew, mapRows, Reference } from '../transformer/reference.ts';

const root = mkdtempSync(join(tmpdir(), 'huggingface-'));
afterAll(() => rmSync(root, { recursive: true }));

const width = 12;
const heads = 3;
const inner = 20;
const layers = 2;
const random = new Random(11);
const tensor = (...shape: number[]): StoredTensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.4 * random.normal()),
});
const dense = (name: string, out: number, from: number): [string, StoredTensor][] => [
  [`${name}.weight`, tensor(out, from)],
  [`${name}.bias`, tensor(out)],
];
const norm = (name: string): [string, StoredTensor][] => [
  [`${name}.weight`, tensor(width)],
  [`${name}.bias`, tensor(width)],
];
const each = (part: (layer: number) => [string, StoredTensor][]) =>
  Array.from({ length: layers }, (_, i) => part(i)).flat();

let folders = 0;
function save(config: object, tensors: Weights, drop?: string): string {
  const folder = join(root, `model${folders++}`);
  const kept = new Map([...tensors].filter(([name]) => name !== drop));
  writeSafetensors(join(folder, 'model.safetensors'), kept);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

const bertConfig = {
  model_type: 'bert',
  vocab_size: 17,
  hidden_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  intermediate_size: inner,
  max_position_embeddings: 9,
  id2label: { 0: 'no', 1: 'yes', 2: 'perhaps' },
};
const bert = new Map<string, StoredTensor>([
  ['bert.embeddings.word_embeddings.weight', tensor(17, width)],
  ['bert.embeddings.position_embeddings.weight', tensor(9, width)],
  ['bert.embeddings.token_type_embeddings.weight', tensor(2, width)],
  ...norm('bert.embeddings.LayerNorm'),
  ...each((i) => {
    const at = `bert.encoder.layer.${i}`;
    return [
      ...dense(`${at}.attention.self.query`, width, width),
      ...dense(`${at}.attention.self.key`, width, width),
      ...dense(`${at}.attention.self.value`, width, width),
      ...dense(`${at}.attention.output.dense`, width, width),
      ...norm(`${at}.attention.output.LayerNorm`),
      ...dense(`${at}.intermediate.dense`, inner, width),
      ...dense(`${at}.output.dense`, width, inner),
      ...norm(`${at}.output.LayerNorm`),
    ];
  }),
  ...dense('bert.pooler.dense', width, width),
  ...dense('classifier', 3, width),
]);

const gptConfig = {
  model_type: 'gpt2',
  vocab_size: 17,
  n_embd: width,
  n_layer: layers,
  n_head: heads,
  n_inner: inner,
  n_positions: 9,
};
const gpt = new Map<string, StoredTensor>([
  ['wte.weight', tensor(17, width)],
  ['wpe.weight', tensor(9, width)],
  ...each((i) => [
    ...norm(`h.${i}.ln_1`),
    [`h.${i}.attn.bias`, tensor(1, 1, 9, 9)],
    [`h.${i}.attn.c_attn.weight`, tensor(width, 3 * width)],
    [`h.${i}.attn.c_attn.bias`, tensor(3 * width)],
    [`h.${i}.attn.c_proj.weight`, tensor(width, width)],
    [`h.${i}.attn.c_proj.bias`, tensor(width)],
    ...norm(`h.${i}.ln_2`),
    [`h.${i}.mlp.c_fc.weight`, tensor(width, inner)],
    [`h.${i}.mlp.c_fc.bias`, tensor(inner)],
    [`h.${i}.mlp.c_proj.weight`, tensor(inner, width)],
    [`h.${i}.mlp.c_proj.bias`, tensor(width)],
  ]),
  ...norm('ln_f'),
]);

const vitConfig = {
  model_type: 'vit',
  hidden_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  intermediate_size: inner,
  image_size: 8,
  patch_size: 4,
  num_channels: 2,
  num_labels: 5,
};
const vit = new Map<string, StoredTensor>([
  ['vit.embeddings.cls_token', tensor(1, 1, width)],
  ['vit.embeddings.position_embeddings', tensor(1, 5, width)],
  ['vit.embeddings.patch_embeddings.projection.weight', tensor(width, 2, 4, 4)],
  ['vit.embeddings.patch_embeddings.projection.bias', tensor(width)],
  ...each((i) => {
    const at = `vit.encoder.layer.${i}`;
    return [
      ...dense(`${at}.attention.attention.query`, width, width),
      ...dense(`${at}.attention.attention.key`, width, width),
      ...dense(`${at}.attention.attention.value`, width, width),
      ...dense(`${at}.attention.output.dense`, width, width),
      ...dense(`${at}.intermediate.dense`, inner, width),
      ...dense(`${at}.output.dense`, width, inner),
      ...norm(`${at}.layernorm_before`),
      ...norm(`${at}.layernorm_after`),
    ];
  }),
  ...norm('vit.layernorm'),
  ...dense('classifier', 5, width),
]);

/** [CLS]-first sequences of real tokens, and what a classifier of padded batches must not look at. */
const real = 6;

async function logits(folder: string, feeds: Parameters<InferenceModel['run']>[0], tokens?: number): Promise<number[]> {
  const { config, weights } = loadModel(folder);
  const model = await InferenceModel.create(config, weights, { batch: 1, ...(tokens ? { tokens } : {}) });
  const result = [...(await model.run(feeds)).logits!];
  await model.close();
  return result;
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
}

describe('Hugging Face folders', () => {
  it('BERT agrees with a second implementation, padding or not', async () => {
    const r = new Reference(bert);
    const ids = [3, 1, 16, 4, 4, 9];
    let x = addRows(
      addRows(
        ids.map((id) => r.rows('bert.embeddings.word_embeddings.weight')[id]!),
        r.rows('bert.embeddings.position_embeddings.weight').slice(0, real),
      ),
      ids.map(() => r.rows('bert.embeddings.token_type_embeddings.weight')[0]!),
    );
    x = r.norm(x, 'bert.embeddings.LayerNorm', 1e-12);
    for (let i = 0; i < layers; i++) {
      const at = `bert.encoder.layer.${i}`;
      const part = (name: string) => r.dense(x, `${at}.attention.self.${name}`);
      const mixed = r.attend(part('query'), part('key'), part('value'), heads, () => true);
      x = r.norm(addRows(x, r.dense(mixed, `${at}.attention.output.dense`)), `${at}.attention.output.LayerNorm`, 1e-12);
      const hidden = mapRows(r.dense(x, `${at}.intermediate.dense`), geluExact);
      x = r.norm(addRows(x, r.dense(hidden, `${at}.output.dense`)), `${at}.output.LayerNorm`, 1e-12);
    }
    const expected = r.dense(mapRows(r.dense([x[0]!], 'bert.pooler.dense'), Math.tanh), 'classifier')[0]!;
    const folder = save(bertConfig, bert);
    const padded = (count: number) => ({
      ids: BigInt64Array.from({ length: count }, (_, t) => BigInt(ids[t] ?? 7)),
      mask: Float32Array.from({ length: count }, (_, t) => (t < real ? 1 : 0)),
    });
    expectClose(await logits(folder, padded(real), real), expected);
    expectClose(await logits(folder, padded(9), 9), expected);
    expect(loadModel(folder).preprocess.classes).toEqual(['no', 'yes', 'perhaps']);
  });

  it('GPT-2 agrees with a second implementation, names without prefix and mask buffers present', async () => {
    const r = new Reference(gpt);
    const ids = [5, 0, 16, 2, 2, 8];
    let x = addRows(
      ids.map((id) => r.rows('wte.weight')[id]!),
      r.rows('wpe.weight').slice(0, real),
    );
    for (let i = 0; i < layers; i++) {
      const qkv = r.conv1d(r.norm(x, `h.${i}.ln_1`, 1e-5), `h.${i}.attn.c_attn`);
      const part = (n: number) => qkv.map((row) => row.slice(n * width, (n + 1) * width));
      const mixed = r.attend(part(0), part(1), part(2), heads, (query, key) => key <= query);
      x = addRows(x, r.conv1d(mixed, `h.${i}.attn.c_proj`));
      const hidden = mapRows(r.conv1d(r.norm(x, `h.${i}.ln_2`, 1e-5), `h.${i}.mlp.c_fc`), geluNew);
      x = addRows(x, r.conv1d(hidden, `h.${i}.mlp.c_proj`));
    }
    const last = r.norm(x, 'ln_f', 1e-5);
    const table = r.rows('wte.weight');
    const expected = last.flatMap((row) => table.map((entry) => entry.reduce((sum, v, i) => sum + v * row[i]!, 0)));
    expectClose(await logits(save(gptConfig, gpt), { ids: BigInt64Array.from(ids, BigInt) }, real), expected);
  });

  it('ViT agrees with a second implementation', async () => {
    const r = new Reference(vit);
    const image = Float32Array.from({ length: 2 * 64 }, () => random.normal());
    const kernel = r.vector('vit.embeddings.patch_embeddings.projection.weight');
    const bias = r.vector('vit.embeddings.patch_embeddings.projection.bias');
    const patch = (row: number, column: number) =>
      bias.map((b, o) => {
        let sum = b;
        for (let c = 0; c < 2; c++)
          for (let y = 0; y < 4; y++)
            for (let z = 0; z < 4; z++)
              sum += kernel[((o * 2 + c) * 4 + y) * 4 + z]! * image[(c * 8 + row * 4 + y) * 8 + column * 4 + z]!;
        return sum;
      });
    let x = addRows(
      [r.vector('vit.embeddings.cls_token'), patch(0, 0), patch(0, 1), patch(1, 0), patch(1, 1)],
      r.rows('vit.embeddings.position_embeddings'),
    );
    for (let i = 0; i < layers; i++) {
      const at = `vit.encoder.layer.${i}`;
      const y = r.norm(x, `${at}.layernorm_before`, 1e-12);
      const part = (name: string) => r.dense(y, `${at}.attention.attention.${name}`);
      const mixed = r.attend(part('query'), part('key'), part('value'), heads, () => true);
      x = addRows(x, r.dense(mixed, `${at}.attention.output.dense`));
      const hidden = mapRows(r.dense(r.norm(x, `${at}.layernorm_after`, 1e-12), `${at}.intermediate.dense`), geluExact);
      x = addRows(x, r.dense(hidden, `${at}.output.dense`));
    }
    const expected = r.dense([r.norm(x, 'vit.layernorm', 1e-12)[0]!], 'classifier')[0]!;
    expectClose(await logits(save(vitConfig, vit), { images: image }), expected);
  });

  it('Llama agrees with a second implementation: rotary pairs (i, i + half), shared key heads, gated MLP', async () => {
    const groups = 1;
    const headWidth = 4;
    const matrix = (name: string, out: number, from: number): [string, StoredTensor] => [name, tensor(out, from)];
    const llama = new Map<string, StoredTensor>([
      matrix('model.embed_tokens.weight', 17, width),
      ...each((i) => {
        const at = `model.layers.${i}`;
        return [
          [`${at}.input_layernorm.weight`, tensor(width)],
          matrix(`${at}.self_attn.q_proj.weight`, width, width),
          matrix(`${at}.self_attn.k_proj.weight`, groups * headWidth, width),
          matrix(`${at}.self_attn.v_proj.weight`, groups * headWidth, width),
          matrix(`${at}.self_attn.o_proj.weight`, width, width),
          [`${at}.post_attention_layernorm.weight`, tensor(width)],
          matrix(`${at}.mlp.gate_proj.weight`, inner, width),
          matrix(`${at}.mlp.up_proj.weight`, inner, width),
          matrix(`${at}.mlp.down_proj.weight`, width, inner),
        ];
      }),
      ['model.norm.weight', tensor(width)],
      matrix('lm_head.weight', 17, width),
    ]);
    const config = {
      model_type: 'llama',
      vocab_size: 17,
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: groups,
      intermediate_size: inner,
      max_position_embeddings: 9,
      rms_norm_eps: 1e-5,
      rope_theta: 50,
    };
    const r = new Reference(llama);
    const plain = (x: number[][], name: string) =>
      x.map((row) => r.rows(name).map((w) => w.reduce((sum, v, i) => sum + v * row[i]!, 0)));
    const rms = (x: number[][], name: string) =>
      x.map((row) => {
        const scale = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / width + 1e-5);
        return row.map((v, i) => (v / scale) * r.vector(name)[i]!);
      });
    const rotate = (x: number[][]) =>
      x.map((row, position) =>
        row.map((v, i) => {
          const within = i % headWidth;
          const half = headWidth / 2;
          const angle = position * 50 ** (-(within % half) / half);
          const other = within < half ? -row[i + half]! : row[i - half]!;
          return v * Math.cos(angle) + other * Math.sin(angle);
        }),
      );
    const share = (x: number[][]) => x.map((row) => Array.from({ length: heads }, () => row).flat());
    const ids = [5, 0, 16, 2, 2, 8];
    let x = ids.map((id) => r.rows('model.embed_tokens.weight')[id]!);
    for (let i = 0; i < layers; i++) {
      const at = `model.layers.${i}`;
      const y = rms(x, `${at}.input_layernorm.weight`);
      const part = (name: string) => plain(y, `${at}.self_attn.${name}_proj.weight`);
      const mixed = r.attend(rotate(part('q')), share(rotate(part('k'))), share(part('v')), heads, (q, k) => k <= q);
      x = addRows(x, plain(mixed, `${at}.self_attn.o_proj.weight`));
      const z = rms(x, `${at}.post_attention_layernorm.weight`);
      const gate = mapRows(plain(z, `${at}.mlp.gate_proj.weight`), (v) => v / (1 + Math.exp(-v)));
      const up = plain(z, `${at}.mlp.up_proj.weight`);
      const gated = gate.map((row, t) => row.map((v, j) => v * up[t]![j]!));
      x = addRows(x, plain(gated, `${at}.mlp.down_proj.weight`));
    }
    const expected = plain(rms(x, 'model.norm.weight'), 'lm_head.weight').flat();
    expectClose(await logits(save(config, llama), { ids: BigInt64Array.from(ids, BigInt) }, real), expected);
  });

  it('reads sharded files through their index', async () => {
    const folder = save(gptConfig, gpt);
    const whole = loadModel(folder).weights;
    rmSync(join(folder, 'model.safetensors'));
    const names = [...gpt.keys()];
    const shardOf = (name: string) =>
      names.indexOf(name) % 2 ? 'model-00002-of-00002.safetensors' : 'model-00001-of-00002.safetensors';
    for (const shard of new Set(names.map(shardOf))) {
      writeSafetensors(join(folder, shard), new Map([...gpt].filter(([name]) => shardOf(name) === shard)));
    }
    const index = (map: Record<string, string>) =>
      writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
    const map = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
    index(map);
    expect([...loadModel(folder).weights]).toEqual([...whole]);
    index({ ...map, 'h.9.ln_1.weight': shardOf(names[0]!) });
    expect(() => loadModel(folder)).toThrow(/places "h\.9\.ln_1\.weight"/);
    index({ ...map, 'wte.weight': '../secret.safetensors' });
    expect(() => loadModel(folder)).toThrow(FormatError);
  });

  it('names a missing tensor, a wrong shape, a tensor with no place, an unknown architecture', () => {
    expect(() => loadModel(save(vitConfig, vit, 'vit.layernorm.bias'))).toThrow(WeightError);
    expect(() => loadModel(save(vitConfig, vit, 'vit.layernorm.bias'))).toThrow(/"vit\.layernorm\.bias".*missing/);
    expect(() => loadModel(save({ ...vitConfig, num_labels: 6 }, vit))).toThrow(
      /"head\.weight" comes out as \[5, 12\] where the configuration needs \[6, 12\]/,
    );
    expect(() => loadModel(save(bertConfig, new Map([...bert, ['bert.extra', tensor(2)]])))).toThrow(/bert\.extra/);
    expect(() => loadModel(save({ ...vitConfig, model_type: 'mamba' }, vit))).toThrow(ConfigError);
    expect(() => loadModel(save({ ...vitConfig, model_type: 'mamba' }, vit))).toThrow(/unknown architecture "mamba"/);
    expect(() => loadModel(save({ ...vitConfig, model_type: 'constructor' }, vit))).toThrow(/unknown architecture/);
    expect(() => loadModel(save({ ...vitConfig, hidden_act: 'mish' }, vit))).toThrow(/unknown activation "mish"/);
    expect(() => loadModel(save({ ...vitConfig, hidden_size: 'wide' }, vit))).toThrow(ConfigError);
  });

  it('row 9: an image processor that is not one of the model is refused, not ignored', () => {
    const folder = save(vitConfig, vit);
    const processor = (value: unknown) =>
      writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(value));
    expect(loadModel(folder).preprocess.normalise).toBeUndefined();
    processor({ image_mean: [0.5, 0.4], image_std: [0.2, 0.3], size: 8 });
    expect(loadModel(folder).preprocess).toMatchObject({
      normalise: { mean: [0.5, 0.4], deviation: [0.2, 0.3] },
      picture: { resize: { to: { height: 8, width: 8 }, filter: 'bilinear' } },
    });
    for (const [value, message] of [
      [{ image_mean: [0.5], image_std: [0.2], size: 8 }, /has 1 values of image_mean: the model has 2 channels/],
      [{ image_mean: [0.5, 0.4], size: 8 }, /has 3 values of image_std/],
      [{ image_mean: 'half', image_std: [0.2, 0.3], size: 8 }, /image_mean: .* \(found "half"\)/],
      [{ image_mean: [0.5, 0.4], image_std: [0.2, 0], size: 8 }, /image_std that is not above 0/],
      [{ image_mean: [0.5, 0.4], image_std: [0.2, 0.3], size: 9 }, /makes pictures of 9 x 9, the model takes 8 x 8/],
      [null, /preprocessor_config\.json/],
    ] as const) {
      processor(value);
      expect(() => loadModel(folder)).toThrow(ConfigError);
      expect(() => loadModel(folder)).toThrow(message);
    }
  });
});
