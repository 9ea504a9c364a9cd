import type { AdapterInput } from '../adapter.ts';
import { family } from './family.ts';
import { encoderEnd } from './heads.ts';
import { patches, vitBlocks, vitIdle, vitKeys, vitTensors } from './vit.ts';

/** The mean of two classifiers, of the class token and of the one for distillation, as one of both. */
const teacher: AdapterInput['tensors'] = {
  'head.weight': { from: ['cls_classifier.weight', 'distillation_classifier.weight'], join: 'columns', factor: 0.5 },
  'head.bias': { from: ['cls_classifier.bias', 'distillation_classifier.bias'], join: 'sum', factor: 0.5 },
};

/** DeiT: ViT with one more token, for distillation. */
export const deit = family({
  name: 'DeiT',
  heads: ['classes', 'teacher', 'embedding'],
  used: vitKeys,
  idle: vitIdle,
  layout: (c, head, where) => ({
    config: {
      ...vitBlocks(c, c.intermediate_size, where),
      ...encoderEnd(head, 'image', c.hidden_size),
      ...(head.kind === 'teacher' ? { pool: 'first-two' as const } : {}),
      embedding: { ...patches(c), classToken: true, extraTokens: 1 },
    },
    adapter: {
      optionalPrefix: 'deit.',
      ignore: ['classifier.*', 'cls_classifier.*', 'distillation_classifier.*', '*mask_token'],
      tensors: {
        ...vitTensors('deit'),
        'embedding.extra': 'deit.embeddings.distillation_token',
        ...(head.kind === 'teacher' ? teacher : {}),
      },
    },
  }),
});
