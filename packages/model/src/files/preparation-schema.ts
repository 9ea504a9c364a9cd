import * as z from 'zod/mini';
import { pictureStepsSchema } from '../images/picture-steps.ts';
import { patchSchema } from '../inputs/patches.ts';
import { normalisationSchema } from '../inputs/pixels.ts';
import { indexSchema, sizeSchema } from '../operations/fields.ts';

// The JSON of how inputs are prepared: a model's file and a client's half of a program share it. Knows nothing of graphs, so
// that a client in a browser does not bring their operations along.

const normSchema = z.strictObject({ kind: z.enum(['layer', 'rms']), epsilon: z.number().check(z.positive()) });

export const preprocessSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    patches: patchSchema,
    normalise: normalisationSchema,
    picture: z.optional(pictureStepsSchema),
    /** Its tables are tensors. */
    embedding: z.optional(z.strictObject({ bias: z.boolean(), norm: normSchema })),
  }),
  z.strictObject({
    kind: z.literal('text'),
    padding: indexSchema,
    position: z.boolean(),
    /** Absent in files of earlier versions, whose models take single texts. */
    segment: z.optional(z.boolean()),
    norm: z.optional(normSchema),
    tokenizer: z.boolean(),
  }),
]);

export type PreprocessFile = z.infer<typeof preprocessSchema>;

export const taskSchema = z.enum([
  'image-classification',
  'text-classification',
  'token-classification',
  'language-model',
  'text-embedding',
]);
export const problemSchema = z.enum(['multi-label', 'regression']);
export const tokensSchema = sizeSchema;
