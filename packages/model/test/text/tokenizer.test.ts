import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { huggingFaceTokenizer, type TokenizerFiles } from '../../src/text/tokenizer.ts';

interface Case extends TokenizerFiles {
  readonly name: string;
  readonly inputs: readonly {
    readonly text: string;
    readonly pair: string | null;
    readonly most: number | null;
    readonly ids: readonly number[];
    readonly types: readonly number[];
  }[];
}
// Made by the Rust library: packages/model/test/references/make_references.py.
const file = join(import.meta.dirname, '../references/tokenised.json');
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];
const byName = (name: string) => cases.find((one) => one.name === name)!;

describe('token numbers and types, against the Rust library', () => {
  it.each(cases)('$name', ({ name, inputs, ...files }) => {
    const tokenizer = huggingFaceTokenizer(files, name);
    for (const { text, pair, most, ids, types } of inputs) {
      const options = { ...(pair !== null && { pair }), ...(most !== null && { maxTokens: most }) };
      expect(tokenizer.encodeInput(text, options), JSON.stringify([text, pair, most])).toEqual({ ids, types });
    }
  });
});

describe('what of a tokenizer.json is not understood', () => {
  const good = byName('added tokens');
  const changed = (change: object) => ({ tokenizer: { ...good.tokenizer, ...change }, config: {} });
  const model = good.tokenizer.model as object;
  const refused: [string, object, RegExp][] = [
    ['a key', { surprise: 1 }, /surprise/],
    ['a key of a part', { normalizer: { type: 'Lowercase', locale: 'tr' } }, /locale/],
    ['a part', { pre_tokenizer: { type: 'UnicodeScripts' } }, /UnicodeScripts/],
    ['chance', { model: { ...(byName('byte level').tokenizer.model as object), dropout: 0.1 } }, /dropout/],
    ['a key of the model', { model: { ...model, cache: 3 } }, /cache/],
    ['two sets of marks', { post_processor: { type: 'Sequence', processors: [good, good].map((one) => one.tokenizer.post_processor) } }, /marks 2 times/], // biome-ignore format: a line each
    ['a template without its token', { post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: 'X', type_id: 0 } }], pair: [], special_tokens: {} } }, /the token "X"/], // biome-ignore format: a line each
  ];
  it.each(refused)('%s is refused by its name', (_, change, message) => {
    expect(() => huggingFaceTokenizer(changed(change), 't')).toThrow(ConfigError);
    expect(() => huggingFaceTokenizer(changed(change), 't')).toThrow(message);
  });

  const withExpression = (Regex: string) =>
    changed({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } });
  it.each(['(a+)+$', '(a|a)*b', '(?:a|aa){2,}c', '(\\w+\\s?)*!', '(.)\\1', 'a*a*a*a*b', '(a?){30}a{30}'])(
    'the expression %s could take forever',
    (expression) => {
      expect(() => huggingFaceTokenizer(withExpression(expression), 't')).toThrow(/may take forever/);
    },
  );

  it('an expression that is slow on a text is given up', () => {
    const slow = huggingFaceTokenizer(withExpression('a*a*a*b'), 't');
    const started = performance.now();
    expect(() => slow.encode('a'.repeat(20_000))).toThrow(/takes more than 5 s|longer than/);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

describe('what stands beside a tokenizer.json', () => {
  const plain = byName('BERT, lower case True, accents None');
  const without = { ...plain.tokenizer, post_processor: null };
  const ids = (tokenizer: object, config: object, text: string, pair?: string) =>
    huggingFaceTokenizer({ tokenizer: tokenizer as TokenizerFiles['tokenizer'], config: config as TokenizerFiles['config'] }, 't') // biome-ignore format: a line
      .encodeInput(text, pair === undefined ? {} : { pair }).ids;

  it('the class of BERT marks texts, and its casing counts more than the file', () => {
    const config = { tokenizer_class: 'BertTokenizer' };
    expect(ids(without, config, 'The fox', 'fox')).toEqual(ids(plain.tokenizer, {}, 'The fox', 'fox'));
    const cased = ids(plain.tokenizer, { ...config, do_lower_case: false }, 'THE');
    expect(cased).not.toEqual(ids(plain.tokenizer, config, 'THE'));
    expect(cased).toEqual(ids({ ...plain.tokenizer, normalizer: { ...(plain.tokenizer.normalizer as object), lowercase: false } }, {}, 'THE')); // biome-ignore format: a line
  });

  it('a BOS that is asked for stands before each text', () => {
    const llama = byName('Llama');
    const marked = { tokenizer_class: 'LlamaTokenizer', bos_token: '<s>', eos_token: '</s>', add_bos_token: true };
    const [bare] = [ids(llama.tokenizer, {}, 'fox')];
    expect(ids(llama.tokenizer, marked, 'fox')).toEqual([1, ...bare]);
    expect(ids(llama.tokenizer, { ...marked, add_eos_token: true }, 'fox')).toEqual([1, ...bare, 2]);
    expect(() => ids(llama.tokenizer, { ...marked, bos_token: 5 }, 'fox')).toThrow(ConfigError);
  });

  it('tokens that only the configuration names are found, with new numbers', () => {
    const size = huggingFaceTokenizer({ tokenizer: plain.tokenizer, config: {} }).size;
    const config = { additional_special_tokens: ['<ask>'], added_tokens_decoder: { [size + 3]: { content: '<tell>', special: true } } }; // biome-ignore format: a line
    const made = ids(plain.tokenizer, config, '<tell> <ask>');
    expect(made).toEqual([2, size + 3, size + 4, 3]);
  });

  it('cuts the left side where it is asked to', () => {
    const left = huggingFaceTokenizer({ tokenizer: plain.tokenizer, config: { truncation_side: 'left' } });
    const whole = left.encodeInput('the quick brown fox').ids;
    expect(left.encodeInput('the quick brown fox', { maxTokens: 4 }).ids).toEqual([2, ...whole.slice(-3, -1), 3]);
    expect(() => left.encodeInput('fox', { maxTokens: 1 })).toThrow(/no room for the tokenizer's 2 marks/);
  });
});
