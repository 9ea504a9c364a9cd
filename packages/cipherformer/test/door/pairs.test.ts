// A model of sentence pairs: predict, the polynomial model and an encrypted question see the same token numbers and types.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { bertConfig, initialWeights, makePolynomialModel, parseModelConfig, saveModel } from '@cipherformer/nn';
import { connect } from 'cipherformer';
import { afterAll, expect, it } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { cli } from '../commands/cli.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'pairs-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const words = ['rain', 'falls', 'sun', 'shines', 'wet', 'dry'];
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words];
const [text, pair] = ['rain falls', 'wet sun'];

/** A transformer that is polynomial already, as both kinds of folder. */
function saveBothForms(): void {
  const activation = { kind: 'polynomial' as const, low: -8, high: 8, coefficients: [1.5, 3, 1.2] };
  const bert = bertConfig({ vocabulary: entries.length, maxTokens: 8, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' });
  const config = parseModelConfig({
    ...bert,
    embedding: { ...bert.embedding, segments: 2 },
    norm: { kind: 'frozen' },
    attention: { ...bert.attention, kind: 'pointwise', activation },
    mlp: { ...bert.mlp, activation },
  });
  const weights = initialWeights(config, 3);
  for (const name of ['embedding.segment.weight', 'head.weight']) {
    const { shape, data } = weights.get(name)!;
    weights.set(name, { shape, data: data.map((value) => 30 * value) });
  }
  const files = wordPieceFiles(entries);
  saveModel(at('trained'), { config, weights, preprocess: { classes: ['no', 'yes'] } }, files);
  const model = makePolynomialModel({ config, weights, classes: ['no', 'yes'], tokenizer: files, card: { name: 'pairs' } });
  const inputs = [{ text }, { text, pair }, { text: pair, pair: text }].map((input) => prepareInput(model, input));
  savePolynomialModel(at('polynomial'), { ...model, graph: calibrate(model.graph, inputs, 2) });
} // biome-ignore format: lines

it('is asked in clear and encrypted with the second text as a second one', async () => {
  saveBothForms();
  const said = async (...argv: string[]) => JSON.parse((await cli('predict', ...argv, '--json')).out).results[0];
  const asked = ['--text', text, '--pair', pair];
  const [trained, polynomial] = [await said(at('trained'), ...asked), await said(at('polynomial'), ...asked)];
  const single = await said(at('polynomial'), '--ids', trained.ids.join());
  expect([polynomial.ids, polynomial.inRange]).toEqual([trained.ids, true]);
  for (const [k, logit] of trained.logits.entries()) expect(polynomial.logits[k]).toBeCloseTo(logit, 3);
  // The same tokens, all of one text, are another input.
  expect(single.ids).toEqual(trained.ids);
  expect(Math.abs(single.logits[0] - polynomial.logits[0])).toBeGreaterThan(1e-2);
  await using connection = await connect(at('polynomial'), { parameters: insecureParameters(), insecure: true });
  const [answer] = (await connection.ask({ text, pair })).reveal().results;
  for (const [k, logit] of polynomial.logits.entries()) expect(answer!.logits![k]).toBeCloseTo(logit, 2);
}, 60_000); // biome-ignore format: lines
