import type { PolynomialGraph } from '@cipherformer/nn/polynomial';
import { type TransformerShape, transformer } from './graphs.ts';

const vision = { features: 64, outputs: 10, pooling: 'mean', activationDegree: 7, mapDegree: 7 } as const;
const language = { features: 128, pooling: 'last', causal: true, layerNorm: true } as const;

/** The models this project is for, by their shapes; weights are random. */
export const targets: Readonly<Record<string, TransformerShape>> = {
  'MNIST ViT': { ...vision, tokens: 16, width: 64, heads: 4, headWidth: 16, hidden: 128, layers: 6 },
  'CIFAR ViT': { ...vision, tokens: 36, width: 128, heads: 4, headWidth: 32, hidden: 256, layers: 6 },
  'BERT-Tiny': {
    ...{ tokens: 128, features: 128, width: 128, heads: 2, headWidth: 64, hidden: 512, layers: 2, outputs: 2 },
    ...{ pooling: 'class', masked: true, activationDegree: 15, mapDegree: 7 },
  },
  'LM, 4 layers, width 128': {
    ...language,
    ...{ tokens: 128, width: 128, heads: 4, headWidth: 32, hidden: 512, layers: 4, outputs: 1024 },
    ...{ activationDegree: 15, mapDegree: 15 },
  },
  'LM of the paper, 6 layers, width 512': {
    ...language,
    ...{ tokens: 128, width: 512, heads: 8, headWidth: 64, hidden: 2048, layers: 6, outputs: 1024 },
    ...{ activationDegree: 15, mapDegree: 15 },
  },
  'BERT-base': {
    ...{ tokens: 128, features: 768, width: 768, heads: 12, headWidth: 64, hidden: 3072, layers: 12, outputs: 2 },
    ...{ pooling: 'class', masked: true, layerNorm: true, activationDegree: 15, mapDegree: 15 },
  },
};

/** Bounds are all 1: nothing is run. */
export function targetGraph(name: string): PolynomialGraph {
  const graph = transformer(targets[name]!, 1);
  return { tokens: graph.tokens, nodes: graph.nodes, output: graph.nodes.length - 1 };
}
