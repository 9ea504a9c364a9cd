import { describe, expect, it } from 'vitest';
import { makePolynomialModel } from '../../../nn/src/lower/make-model.ts';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { bertMean, gpt, livelyWeights, polynomialForm, vitClass, vitOverlap } from '../../../nn/test/lower/support.ts';
import { DataError, ShapeError } from '../../src/errors.ts';
import { prepareInput } from '../../src/inputs/prepare-input.ts';

const make = (base: typeof gpt, more = {}) => {
  const config = polynomialForm(base);
  return makePolynomialModel({ config, weights: livelyWeights(config, 1), card: { name: 'test' }, ...more });
};

describe('images', () => {
  it('windows overlap and reach into zeros', () => {
    const model = make(vitOverlap);
    const image = Float32Array.from({ length: 72 }, (_, i) => i + 1);
    const patches = prepareInput(model, { image }).patches!;
    // 3 x 3 windows of 4 x 4 every 2 pixels, one zero pixel around; channels of 36 values.
    const at = (row: number, column: number, c: number, dy: number, dx: number) =>
      patches[(row * 3 + column) * 32 + (c * 4 + dy) * 4 + dx];
    const pixel = (c: number, y: number, x: number) => (y < 0 || x < 0 || y > 5 || x > 5 ? 0 : c * 36 + y * 6 + x + 1);
    for (const [row, column, c, dy, dx] of [
      [0, 0, 0, 0, 0],
      [0, 0, 0, 1, 1],
      [1, 2, 1, 3, 2],
      [2, 2, 1, 3, 3],
      [2, 1, 0, 0, 3],
    ] as const) {
      expect(at(row, column, c, dy, dx)).toBe(pixel(c, row * 2 - 1 + dy, column * 2 - 1 + dx));
    }
  });

  it('bytes are normalised by channel before zeros are added; the class token has a row of zeros', () => {
    const model = make(vitClass, { normalise: { mean: [0.5, 0.25], deviation: [0.5, 0.125] } });
    const pixels = new Uint8Array(72).fill(255);
    const patches = prepareInput(model, { pixels }).patches!;
    expect([...patches.subarray(0, 18)]).toEqual(new Array(18).fill(0));
    expect(patches[18]).toBe(1);
    expect(patches[18 + 9]).toBe(6);
    expect([
      ...prepareInput(model, { image: Float32Array.from({ length: 72 }, (_, i) => (i < 36 ? 1 : 6)) }).patches!,
    ]).toEqual([...patches]);
  });

  it('another size, or a text, is refused', () => {
    const model = make(vitClass);
    expect(() => prepareInput(model, { pixels: new Uint8Array(71) })).toThrow(/71 values where the model needs 72/);
    expect(() => prepareInput(model, { text: 'hello' })).toThrow(DataError);
  });
});

describe('texts', () => {
  const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const bert = make(bertMean, { tokenizer: wordPieceFiles(entries) });

  it('marks, mask and pooling of a short and of a long text', () => {
    const short = prepareInput(bert, { text: 'a b' });
    expect([...short.mask!]).toEqual([1, 1, 1, 1, 0, 0, 0]);
    expect([...short.pooling!]).toEqual([0.25, 0.25, 0.25, 0.25, 0, 0, 0]);
    expect([...short.embedded!]).toEqual([...prepareInput(bert, { ids: [2, 4, 5, 3] }).embedded!]);
    const long = prepareInput(bert, { text: 'a b c d e f g a b c' });
    expect([...long.mask!]).toEqual(new Array(7).fill(1));
    expect([...long.embedded!]).toEqual([...prepareInput(bert, { ids: [2, 4, 5, 6, 7, 8, 3] }).embedded!]);
  });

  it('a language model reads the end of a long text and continues its last token', () => {
    const model = make(gpt);
    const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const long = prepareInput(model, { ids });
    expect([...long.embedded!]).toEqual([...prepareInput(model, { ids: ids.slice(2) }).embedded!]);
    expect([...long.pooling!]).toEqual([0, 0, 0, 0, 0, 0, 1]);
    const short = prepareInput(model, { ids: [1, 2] });
    expect([...short.pooling!]).toEqual([0, 1, 0, 0, 0, 0, 0]);
    // What follows is hidden from it, and is nothing that no text had: the prompt once more.
    expect([...short.embedded!]).toEqual([...prepareInput(model, { ids: [1, 2, 1, 2, 1, 2, 1] }).embedded!]);
  });

  it('what cannot be read is refused', () => {
    expect(() => prepareInput(bert, { ids: [] })).toThrow(DataError);
    expect(() => prepareInput(bert, { ids: [11] })).toThrow(ShapeError);
    expect(() => prepareInput(bert, { pixels: new Uint8Array(4) })).toThrow(DataError);
    expect(() => prepareInput(make(gpt), { text: 'a' })).toThrow(/no tokenizer/);
  });
});
