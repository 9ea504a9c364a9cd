import { describe, expect, it } from 'vitest';
import { UnsupportedPartError } from '../../src/errors.ts';
import { lower } from '../../src/lower/lower.ts';
import { checkSupported } from '../../src/lower/supported.ts';
import { load, references } from '../checkpoints/huggingface/references.ts';

/** The part that stands in the way of a conversion, of the references that are of other parts than the first families'. */
const refused: Readonly<Record<string, string>> = {
  'bert causal': 'attention.causal',
  electra: 'embedding.width',
  albert: 'embedding.width',
  'gpt2 scales, untied': 'attention.scaleByLayer',
  'gpt2 classes': 'attention.causal',
  'gpt-neo': 'attention.windows',
  'gpt-neox': 'placement',
  mistral: 'attention.windows',
  qwen3: 'attention.headNorm',
  gemma: 'embedding.scale',
  phi: 'placement',
  'vit encoder': 'task',
  deit: 'embedding.extraTokens',
  dinov2: 'pool',
};

describe('what cannot be converted is named', () => {
  it.each(Object.entries(refused))('%s: %s', (name, part) => {
    const { config, weights } = load(references.find((reference) => reference.name === name)!);
    for (const attempt of [() => checkSupported(config), () => lower(config, weights)]) {
      expect(attempt).toThrow(UnsupportedPartError);
      expect(attempt).toThrow(new RegExp(`^${part}: .* cannot be converted .* evaluated in clear`));
    }
  });

  it.each([
    'bert',
    'bert encoder',
    'bert regression',
    'bert multi-label',
    'bert tokens',
    'distilbert',
    'roberta',
    'gpt2',
    'opt',
    'vit',
    'mpnet',
    'swin',
    'gpt-neox in turn, no biases',
  ])('%s goes on', (name) => {
    expect(() => checkSupported(load(references.find((reference) => reference.name === name)!).config)).not.toThrow();
  });
});
