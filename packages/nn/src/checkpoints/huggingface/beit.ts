import { ConfigError, patchGrid } from '@cipherformer/model';
import { z } from 'zod';
import { dense, family, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';
import { patches, vitBlocks, vitIdle, vitKeys, vitTensors } from './vit.ts';

const { qkv_bias: _, ...keys } = vitKeys;
const switches = {
  use_absolute_position_embeddings: z.boolean().default(false),
  use_relative_position_bias: z.boolean().default(false),
  use_shared_relative_position_bias: z.boolean().default(false),
  use_mean_pooling: z.boolean().default(true),
  layer_scale_init_value: z.number().min(0).default(0.1),
};

/** BEiT: ViT whose scores have offsets by the difference of places, with a factor on what each block adds. */
export const beit = family({
  name: 'Beit',
  heads: ['classes', 'embedding'],
  used: { ...keys, ...switches },
  idle: [
    ...vitIdle,
    // Of pretraining and segmentation.
    ...['vocab_size', 'use_mask_token', 'drop_path_rate', 'pool_scales', 'use_auxiliary_head', 'auxiliary_loss_weight'],
    ...['auxiliary_channels', 'auxiliary_num_convs', 'auxiliary_concat_input', 'semantic_loss_ignore_index'],
    ...['out_features', 'out_indices', 'segmentation_indices', 'stage_names', 'add_fpn', 'reshape_hidden_states'],
  ],
  layout: (c, head, where) => {
    const at = 'beit.encoder.layer.{layer}';
    const image = patches(c);
    const shared = c.use_shared_relative_position_bias;
    if (shared && c.use_relative_position_bias)
      throw new ConfigError(
        `${where}: use_relative_position_bias and use_shared_relative_position_bias are both true: one table at a time is read.`,
      );
    const { rows, columns } = patchGrid({ ...image, padding: 0 });
    const relative =
      shared || c.use_relative_position_bias
        ? { relative: { kind: 'grid' as const, rows, columns, classToken: true, shared } }
        : {};
    const table = shared ? 'beit.encoder' : `${at}.attention.attention`;
    const blocks = vitBlocks({ ...c, qkv_bias: true }, c.intermediate_size, where);
    const scaled = (target: string, source: string, factors: string) =>
      Object.fromEntries(
        Object.entries(dense(target, source)).map(([to, from]) => [
          to,
          { from: from as string, ...(c.layer_scale_init_value > 0 ? { rowFactors: `${at}.${factors}` } : {}) },
        ]),
      );
    const parts = ['query', 'key', 'value'].map((name) => `${at}.attention.attention.${name}`);
    const mean = c.use_mean_pooling;
    const end = encoderEnd(head, 'image', c.hidden_size);
    return {
      config: {
        ...blocks,
        ...end,
        ...(mean ? { pool: 'patch-mean' as const, head: { ...end.head, norm: true } } : {}),
        finalNorm: !mean,
        positions: { kind: c.use_absolute_position_embeddings ? ('learned' as const) : ('none' as const) },
        embedding: { ...image, classToken: true },
        attention: { ...blocks.attention, ...relative },
      },
      adapter: {
        optionalPrefix: 'beit.',
        ignore: ['classifier.*', '*mask_token', 'lm_head.*', '*relative_position_index'],
        tensors: {
          ...vitTensors('beit'),
          // Keys have no bias.
          ...stacked('layers.{layer}.attention.qkv', parts, [parts[0]!, null, parts[2]!]),
          [`${shared ? 'positions' : 'layers.{layer}.attention'}.relative`]: `${table}.relative_position_bias.relative_position_bias_table`,
          ...scaled('layers.{layer}.attention.out', `${at}.attention.output.dense`, 'lambda_1'),
          ...scaled('layers.{layer}.mlp.down', `${at}.output.dense`, 'lambda_2'),
          ...dense('head.norm', 'beit.pooler.layernorm'),
        },
      },
    };
  },
});
