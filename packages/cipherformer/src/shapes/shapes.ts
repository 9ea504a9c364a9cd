import { bertConfig, gptConfig, llamaConfig, type ModelConfig, vitConfig } from '@cipherformer/nn';

/** A transformer by its sizes alone: enough to plan its encrypted program before it is trained. */
export interface ModelShape {
  readonly title: string;
  /** Of the model before conversion. */
  readonly config: ModelConfig;
  /** Length of the sequence, for text. */
  readonly tokens?: number;
  /** Degrees of the polynomials in attention and in the MLPs. */
  readonly mapDegree: number;
  readonly activationDegree: number;
  /** full: a LayerNorm with an inverse square root of its own; folded: a stored denominator, which costs nothing. */
  readonly norms: 'full' | 'folded';
}

const image = (channels: number, side: number) => ({ channels, height: side, width: side });
const mnist = { image: image(1, 28), patch: 7, width: 64, layers: 6, heads: 4, mlpWidth: 128 } as const;
const cifar = {
  image: image(3, 32),
  patch: 8,
  stride: 5,
  padding: 1,
  width: 128,
  layers: 6,
  heads: 4,
  mlpWidth: 256,
} as const;
const bert = { maxTokens: 128, classes: 2, pool: 'class' } as const;
/** A head of 1,024 outputs: how large a vocabulary to score is no matter of the layers. */
const gpt = { vocabulary: 1024, maxTokens: 128, tied: false } as const;

/** The models that plans are made of, by the name that commands take. */
export const modelShapes = {
  'mnist-vit': {
    title: 'MNIST ViT, 6 layers',
    config: vitConfig({ ...mnist, classes: 10, pool: 'mean' }),
    ...{ mapDegree: 7, activationDegree: 7, norms: 'folded' },
  },
  'cifar-vit': {
    title: 'CIFAR ViT, 6 layers',
    config: vitConfig({ ...cifar, classes: 10, pool: 'mean' }),
    ...{ mapDegree: 7, activationDegree: 7, norms: 'folded' },
  },
  'bert-tiny': {
    title: 'BERT-Tiny',
    config: bertConfig({ ...bert, vocabulary: 1024, width: 128, layers: 2, heads: 2, mlpWidth: 512 }),
    ...{ tokens: 128, mapDegree: 7, activationDegree: 15, norms: 'folded' },
  },
  'lm-4': {
    title: 'language model, 4 layers, width 128',
    config: gptConfig({ ...gpt, width: 128, layers: 4, heads: 4, mlpWidth: 512 }),
    ...{ tokens: 128, mapDegree: 15, activationDegree: 15, norms: 'full' },
  },
  'llama-260k': {
    title: 'Llama of 260,000 parameters, 5 layers',
    config: llamaConfig({
      ...{ vocabulary: 512, maxTokens: 512, width: 64, layers: 5, heads: 8, keyValueHeads: 4, mlpWidth: 172 },
      ...{ epsilon: 1e-5, rotaryBase: 10_000, interleaved: true, tied: true },
    }),
    ...{ tokens: 64, mapDegree: 2, activationDegree: 2, norms: 'folded' },
  },
  minilm: {
    title: 'MiniLM, 6 layers',
    config: bertConfig({ ...bert, vocabulary: 1024, width: 384, layers: 6, heads: 12, mlpWidth: 1536 }),
    ...{ tokens: 128, mapDegree: 7, activationDegree: 15, norms: 'full' },
  },
  'paper-lm': {
    title: "language model of the paper's size, 6 layers, width 512",
    config: gptConfig({ ...gpt, width: 512, layers: 6, heads: 8, mlpWidth: 2048 }),
    ...{ tokens: 128, mapDegree: 15, activationDegree: 15, norms: 'full' },
  },
  'bert-base': {
    title: 'BERT-base, 12 layers',
    config: bertConfig({ ...bert, vocabulary: 1024, width: 768, layers: 12, heads: 12, mlpWidth: 3072 }),
    ...{ tokens: 128, mapDegree: 15, activationDegree: 15, norms: 'full' },
  },
} as const satisfies Readonly<Record<string, ModelShape>>;

export type ShapeName = keyof typeof modelShapes;
export const shapeNames = Object.keys(modelShapes) as ShapeName[];
