// The contract of each family: every key of its config.json is used as transformers uses it, is refused by name where it is not
// at a value that changes nothing, or changes nothing; a key that nobody knows is refused.
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import { families, huggingFaceLayout } from '../../../src/checkpoints/huggingface/families.ts';
import { type Change, difference, load, outputOf, type Reference, references } from './references.ts';

const firsts = references.flatMap((reference) =>
  reference.changes ? [[reference.config.model_type as string, reference, reference.changes] as const] : [],
);

/** The layout of a configuration as text, or the refusal. */
function layoutOf(config: Readonly<Record<string, unknown>>): string | ConfigError {
  try {
    return JSON.stringify(huggingFaceLayout(config, 'config.json'));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** Where transformers computes something else, the same is computed here. */
async function expectAlike(reference: Reference, key: string, change: Change): Promise<void> {
  if (change.effect !== 'other') return;
  const model = load(reference, { ...reference.config, [key]: change.value });
  expect(difference(await outputOf(model, reference), change.output), key).toBeLessThan(1e-5);
}

describe.each(firsts)('%s', (type, reference, changes) => {
  const { config } = reference;
  const usual = layoutOf(config);

  it.each(Object.keys(changes))('%s', async (key) => {
    const change = changes[key]!;
    const layout = layoutOf({ ...config, [key]: change.value });
    if (layout instanceof ConfigError) {
      expect(layout.message).toContain(key);
      return;
    }
    if (layout === usual) {
      // Used by another head, say: then transformers must not see a difference either.
      const { used, idle } = families[type]!;
      expect(used.has(key) || idle.has(key), `${key} is neither used nor refused`).toBe(true);
      expect(change.effect, `${key} is said to change nothing`).not.toBe('other');
      return;
    }
    await expectAlike(reference, key, change);
  });

  it('a key that nobody knows', () => {
    for (const value of [true, 1, null, 'x', {}])
      expect(() => huggingFaceLayout({ ...config, shiny_new_scaling: value }, 'config.json')).toThrow(
        /"shiny_new_scaling" is a key that this release does not know/,
      );
  });

  it('values of another kind', () => {
    for (const key of Object.keys(config)) {
      for (const value of [[], { a: 1 }, 'x', -1, 0.5, 1e300]) {
        const layout = layoutOf({ ...config, [key]: value });
        const idle = families[type]!.idle.has(key);
        if (!(layout instanceof ConfigError) && !idle)
          expect(layout === usual && key === 'label2id', `${key} ${JSON.stringify(value)}`).toBe(false);
      }
    }
  });
});

describe('what is not read', () => {
  const bert = references[0]!.config;
  it.each([
    ['BertForQuestionAnswering', /where an answer begins and ends/],
    ['BertForMaskedLM', /guess hidden words are not supported: fine-tune/],
    ['BertForNextSentencePrediction', /pretraining/],
    ['BertForMultipleChoice', /several texts/],
    ['BertLMHeadModel', /architectures is "BertLMHeadModel"/],
    ['LlamaForCausalLM', /architectures is "LlamaForCausalLM"/],
    ['__proto__', /architectures is "__proto__"/],
  ])('%s', (architecture, message) => {
    expect(() => huggingFaceLayout({ ...bert, architectures: [architecture] }, 'config.json')).toThrow(message);
  });

  it.each([
    ['position_embedding_type', 'relative_key', /positions between tokens are not supported/],
    ['add_cross_attention', true, /cross attention is not supported/],
    ['pruned_heads', { 0: [1] }, /pruned heads/],
    ['quantization_config', { bits: 4 }, /quantised weights/],
    ['auto_map', { AutoModel: 'x.py' }, /never run/],
    ['problem_type', 'other', /problem_type/],
    ['num_labels', 2, /num_labels is 2, id2label names 3/],
    ['label2id', { a: 1, b: 0, c: 2 }, /label2id gives "a" the number 1, which id2label calls "b"/],
  ])('%s', (key, value, message) => {
    expect(() => huggingFaceLayout({ ...bert, [key]: value }, 'config.json')).toThrow(message);
  });

  it.each([
    ['t5', /an encoder and a decoder/],
    ['deberta-v2', /content and position apart/],
    ['convnext', /convolutions/],
    ['mamba', /unknown architecture "mamba"/],
  ])('%s', (type, message) => {
    expect(() => huggingFaceLayout({ ...bert, model_type: type }, 'config.json')).toThrow(message);
  });
});

describe('rotary positions as older files have them', () => {
  const llama = references.find(({ name }) => name === 'llama linear')!.config;
  const { rope_parameters: _, ...rest } = llama;
  const positions = (keys: object) => huggingFaceLayout({ ...rest, ...keys }, 'config.json').config.positions;

  it('rope_theta beside rope_scaling, with type or rope_type, says what rope_parameters does', () => {
    const wanted = huggingFaceLayout(llama, 'config.json').config.positions;
    expect(positions({ rope_theta: 200, rope_scaling: { type: 'linear', factor: 3 } })).toEqual(wanted);
    expect(positions({ rope_theta: 200, rope_scaling: { rope_type: 'linear', factor: 3 } })).toEqual(wanted);
    expect(positions({})).toMatchObject({ base: 10000 });
    expect(positions({ rope_theta: 77, rope_scaling: null })).toMatchObject({ base: 77 });
  });

  it.each([
    [{ rope_scaling: { type: 'longrope', factor: 2 } }, /rope_type is "longrope": read are default, linear/],
    [{ rope_scaling: { type: 'constructor', factor: 2 } }, /rope_type is "constructor"/],
    [{ rope_scaling: { type: 'linear' } }, /need "factor"/],
    [{ rope_scaling: { type: 'linear', factor: 2, beta_fast: 3 } }, /"beta_fast" does not go with/],
    [{ rope_scaling: { type: 'linear', factor: 2, short_factor: [1] } }, /short_factor/],
    [{ rope_parameters: { full_attention: { rope_type: 'default' } } }, /full_attention/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
  ])('%j', (keys, message) => {
    expect(() => positions(keys)).toThrow(message);
  });
});
