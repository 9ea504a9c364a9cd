import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CipherformerError } from '../../../base/src/errors.ts';
import { makePolynomialModel, type PolynomialModelSource } from '../../../nn/src/lower/make-model.ts';
import { Random } from '../../../nn/src/random.ts';
import { trainByteBpe } from '../../../nn/src/text/bpe.ts';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import type { ModelConfig } from '../../../nn/src/transformer/config.ts';
import { bertMean, byDistance, gpt, livelyWeights, polynomialForm, vit } from '../../../nn/test/lower/support.ts';
import { ConfigError, FormatError, ShapeError } from '../../src/errors.ts';
import { isPolynomialModel, loadPolynomialModel, savePolynomialModel } from '../../src/files/folder.ts';
import { parseSafetensors, serialiseSafetensors } from '../../src/files/safetensors.ts';
import { parsePolynomialModel, serialisePolynomialModel } from '../../src/files/serialise.ts';
import { calibrate } from '../../src/graph/calibrate.ts';
import { evaluate } from '../../src/graph/evaluate.ts';
import type { ModelInput } from '../../src/inputs/model-input.ts';
import { prepareInput } from '../../src/inputs/prepare-input.ts';
import type { GraphInputs } from '../../src/operations/definition.ts';
import type { PolynomialModel } from '../../src/polynomial-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'polynomial-'));
afterAll(() => rmSync(folder, { recursive: true }));

function make(
  config: ModelConfig,
  more: Partial<PolynomialModelSource>,
  inputs: readonly ModelInput[],
): PolynomialModel {
  const card = { name: 'Test model', data: 'random', margin: 1.5, ...more.card };
  const model = makePolynomialModel({ config, weights: livelyWeights(config, 3), ...more, card }, { tokens: 6 });
  return {
    ...model,
    graph: calibrate(
      model.graph,
      inputs.map((input) => prepareInput(model, input)),
      1.5,
    ),
  };
}

const random = new Random(5);
const pixels = Uint8Array.from({ length: 72 }, () => random.integer(256));
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', '##c', 'hello', 'world', '!', '?'];
const batch = { kind: 'batch' } as const;
const bpe = trainByteBpe(['the cat sat on the mat'], 257);
const cases: Record<string, { model: PolynomialModel; input: ModelInput }> = {
  image: {
    model: make(
      polynomialForm(vit, { attention: { ...vit.attention, affine: true, mapNorm: batch } }),
      {
        normalise: { mean: [0.5, 0.4], deviation: [0.2, 0.3] },
        classes: ['a', 'b', 'c', 'd', 'e'],
        card: {
          name: 'Shapes',
          stages: [{ stage: 'original', metric: 'accuracy', value: 0.9 }],
          sites: [{ name: 'layers.0.mlp.activation', function: 'gelu', error: 0.01 }],
        },
      },
      [{ pixels }],
    ),
    input: { pixels },
  },
  'padded text with an embedding LayerNorm': {
    model: make(
      polynomialForm(bertMean, { normOverrides: { 'embedding.norm': { kind: 'layer' } } }),
      { tokenizer: wordPieceFiles(entries) },
      [{ text: 'hello world' }],
    ),
    input: { text: 'hello b!' },
  },
  'language model': {
    model: make(
      polynomialForm(gpt, {
        ...byDistance,
        embedding: { kind: 'token', vocabulary: 257, maxTokens: 7 },
        head: { outputs: 257 },
      }),
      { tokenizer: bpe },
      [{ text: 'the cat' }],
    ),
    input: { text: 'a mat' },
  },
};

describe('files of a polynomial model', () => {
  for (const [name, { model, input }] of Object.entries(cases)) {
    it(`${name}: what is loaded is what was saved, and gives the same logits`, () => {
      const path = join(folder, name.replaceAll(' ', '-'));
      expect(isPolynomialModel(path)).toBe(false);
      savePolynomialModel(path, model);
      expect(isPolynomialModel(path)).toBe(true);
      const loaded = loadPolynomialModel(path);
      expect(loaded).toEqual(model);
      const logits = evaluate(loaded.graph, prepareInput(loaded, input));
      expect([...logits]).toEqual([...evaluate(model.graph, prepareInput(model, input))]);
      expect(logits.every(Number.isFinite)).toBe(true);
      // The JSON holds structure; numbers by the thousand belong into the tensors.
      expect(readFileSync(join(path, 'polynomial.json')).length).toBeLessThan(20_000);
      expect(readdirSync(path).filter((file) => file.includes('tmp'))).toEqual([]);
    });
  }

  it('the card says what the model is, what is public and what logits give away', () => {
    const card = readFileSync(join(folder, 'image', 'README.md'), 'utf8');
    for (const part of [
      '# Shapes',
      'original | accuracy | 0.9',
      'gelu',
      '[-9, 9]',
      'extraction',
      'random',
      'layers.1 12',
    ]) {
      expect(card).toContain(part);
    }
    const text = readFileSync(join(folder, 'padded-text-with-an-embedding-LayerNorm', 'README.md'), 'utf8');
    expect(text).toContain('6 tokens');
    expect(text).toContain('embeddings, positions and their normalisation are published');
  });

  it('weights and structure of two folders are not taken for one model; folders without the checksum still load', () => {
    const path = join(folder, 'image');
    const structure = join(path, 'polynomial.json');
    const weights = join(path, 'model.safetensors');
    const [json, bytes] = [JSON.parse(readFileSync(structure, 'utf8')), readFileSync(weights)];
    expect(json.weightsSha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    // One bit of the last weight: every other check passes.
    const other = Buffer.from(bytes);
    other[other.length - 4]! ^= 1;
    writeFileSync(weights, other);
    expect(() => loadPolynomialModel(path)).toThrow(FormatError);
    expect(() => loadPolynomialModel(path)).toThrow(/model\.safetensors.*weightsSha256 differs/);
    const { weightsSha256: _, ...earlier } = json;
    writeFileSync(structure, JSON.stringify(earlier));
    expect(loadPolynomialModel(path).task).toBe('image-classification');
  });

  it('an uncalibrated graph is not saved', () => {
    const config = polynomialForm(vit);
    const model = makePolynomialModel({ config, weights: livelyWeights(config, 1), card: { name: 'x' } });
    expect(() => serialisePolynomialModel(model)).toThrow(ConfigError);
    expect(() => serialisePolynomialModel(model)).toThrow(/calibrate/);
  });
});

const whole = serialisePolynomialModel(cases.image!.model);
type Json = Record<string, unknown> & { nodes: Record<string, unknown>[]; preprocess: Record<string, unknown> };

/** The image model with its JSON changed. */
function withJson(change: (json: Json) => void, from = whole): Map<string, Uint8Array> {
  const json = JSON.parse(new TextDecoder().decode(from.get('polynomial.json'))) as Json;
  change(json);
  return new Map([...from, ['polynomial.json', new TextEncoder().encode(JSON.stringify(json))]]);
}

function withTensors(
  change: (tensors: ReturnType<typeof parseSafetensors>['tensors']) => void,
): Map<string, Uint8Array> {
  const { tensors } = parseSafetensors(whole.get('model.safetensors')!, 'own');
  change(tensors);
  return new Map([...whole, ['model.safetensors', serialiseSafetensors(tensors)]]);
}

const find = (json: Json, op: string) => json.nodes.findIndex((node) => node.op === op);

describe('files that are not what they claim', () => {
  const cut = (name: string, bytes: number) => new Map([...whole, [name, whole.get(name)!.slice(0, bytes)]]);
  const damaged: [string, Map<string, Uint8Array>, typeof CipherformerError, RegExp][] = [
    [
      'no weights',
      new Map([...whole].filter(([name]) => name !== 'model.safetensors')),
      ConfigError,
      /model\.safetensors/,
    ],
    ['truncated weights', cut('model.safetensors', 4000), FormatError, /where\/model\.safetensors.*truncated/i],
    ['truncated structure', cut('polynomial.json', 500), FormatError, /where\/polynomial\.json is not JSON/],
    [
      'another version',
      withJson((json) => {
        json.format = 'cipherformer/polynomial-model@9';
      }),
      FormatError,
      /format is "cipherformer\/polynomial-model@9"; this version reads/,
    ],
    [
      'a field too many',
      withJson((json) => {
        json.nodes[0]!.colour = 'red';
      }),
      FormatError,
      /nodes\[0\]: .*colour/,
    ],
    [
      'an unknown operation',
      withJson((json) => {
        json.nodes[3]!.op = 'softmax';
      }),
      FormatError,
      /nodes\[3\]/,
    ],
    [
      'a bound that is not positive',
      withJson((json) => {
        json.nodes[2]!.bound = 0;
      }),
      FormatError,
      /nodes\[2\]\.bound/,
    ],
    [
      'operands that are not earlier',
      withJson((json) => {
        json.nodes[find(json, 'scores')]!.query = 40;
      }),
      ShapeError,
      /scores.*query is 40/,
    ],
    [
      'a program whose step reads ahead',
      withJson((json) => {
        const program = json.nodes[find(json, 'polynomial')]!.program as { steps: { value: number }[] };
        program.steps[0]!.value = 1;
      }),
      FormatError,
      /nodes\[\d+\]\.program\.steps\[0\]\.value/,
    ],
    [
      'an interval turned round',
      withJson((json) => {
        (json.nodes[find(json, 'polynomial')]!.program as { interval: number[] }).interval.reverse();
      }),
      FormatError,
      /program\.interval/,
    ],
    ...(
      [
        ['row 9: a constant polynomial', { steps: [{ op: 'polynomial', value: 0, coefficients: [3] }] }],
        ['row 9: a polynomial of zeros', { steps: [{ op: 'polynomial', value: 0, coefficients: [3, 0, 0] }] }],
        ['row 9: a sum of nothing', { steps: [{ op: 'affine', terms: [], offset: 1 }] }],
        ['row 9: a sum of nothings', { steps: [{ op: 'affine', terms: [{ value: 0, factor: 0 }], offset: 1 }] }],
        [
          'row 9: a constant on the way',
          {
            steps: [
              { op: 'polynomial', value: 0, coefficients: [3] },
              { op: 'product', left: 0, right: 1 },
            ],
          },
        ],
      ] as const
    ).map(([name, steps]): (typeof damaged)[number] => [
      name,
      withJson((json) => Object.assign(json.nodes[find(json, 'polynomial')]!.program as object, steps)),
      ShapeError,
      /polynomial "[^"]+"\): program\.steps\[0\] is a constant: leave the polynomial out/,
    ]),
    [
      'row 9: more values than any machine holds',
      withJson((json) => {
        json.tokens = 2 ** 24;
      }),
      ShapeError,
      /makes \d+ values, at most 134217728 are evaluated/,
    ],
    [
      'row 9: windows larger than the image',
      withJson((json) => {
        Object.assign(json.preprocess.patches as object, { patch: 4096 });
      }),
      ConfigError,
      /a window of 4096 x 4096 pixels does not fit into 6 x 6/,
    ],
    [
      'row 9: a class that a terminal obeys',
      withJson((json) => {
        json.classes = ['\u001b[2J', 'b', 'c', 'd', 'e'];
      }),
      FormatError,
      /classes\[0\]: has control characters \(found "\\u001b\[2J"\)/,
    ],
    [
      'row 9: a card nested without end',
      new Map([...whole, ['polynomial.json', new TextEncoder().encode('{"card":'.repeat(100_000))]]),
      FormatError,
      /is not JSON/,
    ],
    [
      'row 9: an empty weight',
      withTensors((tensors) => tensors.set('head.weight', { shape: [0, 12], data: new Float32Array(0) })),
      FormatError,
      /"head\.weight" \[0, 12\] is empty/,
    ],
    [
      'patches that make other tokens',
      withJson((json) => {
        (json.preprocess.patches as { patch: number }).patch = 2;
      }),
      ShapeError,
      /preprocess\.patches makes 9 tokens, the graph takes 4/,
    ],
    [
      'means for other channels',
      withJson((json) => {
        (json.preprocess.normalise as { mean: number[] }).mean.push(1);
      }),
      ShapeError,
      /normalise\.mean/,
    ],
    [
      'an output of many rows',
      withJson((json) => {
        json.output = 3;
      }),
      ShapeError,
      /the output has 4 rows/,
    ],
    [
      'too few classes',
      withJson((json) => {
        json.classes = ['a'];
      }),
      ShapeError,
      /1 classes are named for 5 outputs/,
    ],
    [
      'a weight that is missing',
      withTensors((tensors) => tensors.delete('layers.0.mlp.up.weight')),
      FormatError,
      /"layers\.0\.mlp\.up\.weight" is missing/,
    ],
    [
      'a weight too many',
      withTensors((tensors) => tensors.set('more', { shape: [1], data: Float32Array.of(1) })),
      FormatError,
      /"more"/,
    ],
    [
      'a weight of another shape',
      withTensors((tensors) => {
        const name = 'layers.0.attention.key.weight';
        const { shape, data } = tensors.get(name)!;
        tensors.set(name, { shape: [shape[0]! / 2, shape[1]! * 2], data });
      }),
      ShapeError,
      /layers\.0\.attention\.key.*columns/,
    ],
    [
      'a weight that is not a number',
      withTensors((tensors) => {
        tensors.get('head.weight')!.data[7] = Number.NaN;
      }),
      FormatError,
      /value 7 of "head\.weight" is NaN/,
    ],
  ];
  for (const [name, files, type, message] of damaged) {
    it(name, () => {
      expect(() => parsePolynomialModel(files, 'where')).toThrow(type);
      expect(() => parsePolynomialModel(files, 'where')).toThrow(message);
    });
  }

  it('bytes changed or cut at random give a typed error, or a model that runs', () => {
    const texts = serialisePolynomialModel(cases['padded text with an embedding LayerNorm']!.model);
    const outcomes = { errors: 0, models: 0 };
    const attack = (files: Map<string, Uint8Array>) => {
      let model: PolynomialModel;
      try {
        model = parsePolynomialModel(files, 'where');
      } catch (error) {
        expect(error instanceof CipherformerError, String(error)).toBe(true);
        outcomes.errors += 1;
        return;
      }
      outcomes.models += 1;
      const inputs: GraphInputs = Object.fromEntries(
        model.graph.nodes.flatMap((node) =>
          node.op === 'input' ? [[node.name, new Float64Array(model.graph.tokens * node.features)]] : [],
        ),
      );
      expect(evaluate(model.graph, inputs).length).toBeGreaterThan(0);
    };
    fc.assert(
      fc.property(
        fc.constantFrom(whole, texts),
        fc.constantFrom('polynomial.json', 'model.safetensors'),
        fc.array(fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255) }), {
          maxLength: 4,
        }),
        fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 1 }),
        (files, name, flips, cutAt) => {
          const source = files.get(name)!;
          const bytes = source.slice(0, cutAt === null ? source.length : Math.floor(cutAt * source.length));
          // Half of the flips hit the header, where the structure is.
          flips.forEach(({ at, byte }, i) => {
            const span = i % 2 === 0 ? bytes.length : Math.min(bytes.length, 600);
            bytes[Math.floor(at * span)] = byte;
          });
          attack(new Map([...files, [name, bytes]]));
        },
      ),
      { numRuns: 400, seed: 1 },
    );
    expect(outcomes.errors).toBeGreaterThan(100);
    expect(outcomes.models).toBeGreaterThan(20);
  });

  it('row 9: tokenizer files that make no tokenizer are refused with the model, not at its first text', () => {
    const texts = serialisePolynomialModel(cases['padded text with an embedding LayerNorm']!.model);
    for (const value of [{}, { model: null }, { model: { type: 'BPE', vocab: { a: 0 }, merges: 3 } }]) {
      const files = new Map([...texts, ['tokenizer.json', new TextEncoder().encode(JSON.stringify(value))]]);
      expect(() => parsePolynomialModel(files, 'where')).toThrow(ConfigError);
      expect(() => parsePolynomialModel(files, 'where')).toThrow(/where\/tokenizer\.json cannot be used/);
    }
  });

  it('a damaged file on the disk is named', () => {
    const path = join(folder, 'damaged');
    savePolynomialModel(path, cases.image!.model);
    writeFileSync(join(path, 'model.safetensors'), 'nothing');
    expect(() => loadPolynomialModel(path)).toThrow(join(path, 'model.safetensors'));
    rmSync(join(path, 'polynomial.json'));
    expect(() => loadPolynomialModel(path)).toThrow(/has no polynomial\.json/);
  });
});
