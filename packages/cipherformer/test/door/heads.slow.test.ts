// Models that do not choose one class: a class for every token, several labels at once, numbers. Each is converted by what the
// original says, measured by how near it is to it, compiled on an insecure ring, and answers encrypted as in clear.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bertConfig, initialWeights, parseModelConfig, saveModel } from '@cipherformer/nn';
import { Client, compile, connect, loadModel, PolynomialModel, Server } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wordPieceFiles } from '../../../nn/src/text/word-piece.ts';
import { cli, insecureCli } from '../commands/cli.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'heads-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const words = ['sea', 'ship', 'sail', 'wave', 'deck', 'bread', 'oven', 'salt', 'flour', 'knife', 'moon', 'star'];
const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words];
const sentence = (i: number) =>
  Array.from({ length: 1 + (i % 5) }, (_, k) => words[(i * 7 + k * (1 + (i % 4))) % words.length]).join(' ');
const asked = ['salt bread sea', 'moon'];

const heads = [
  { name: 'tokens', task: 'token-classification', pool: 'none', classes: ['sea', 'food', 'sky'] },
  { name: 'labels', task: 'text-classification', pool: 'mean', problem: 'multi-label', classes: ['wet', 'warm', 'far'] },
  { name: 'numbers', task: 'text-classification', pool: 'mean', problem: 'regression', classes: ['price'] },
] as const; // biome-ignore format: a line each

beforeAll(() => {
  for (const { name, task, pool, classes, ...rest } of heads) {
    const base = bertConfig({ vocabulary: entries.length, maxTokens: 8, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: classes.length, pool: 'mean' }); // biome-ignore format: one model
    const problem = 'problem' in rest ? { problem: rest.problem } : {};
    const config = parseModelConfig({ ...base, task, pool, head: { outputs: classes.length, ...problem } });
    const weights = initialWeights(config, 1);
    for (const [tensor, gain] of [['embedding.token.weight', 20], ['head.weight', 60]] as const) {
      const { shape, data } = weights.get(tensor)!;
      weights.set(tensor, { shape, data: data.map((value) => gain * value) });
    } // biome-ignore format: pairs
    saveModel(at(name), { config, weights, preprocess: { classes: [...classes] } }, wordPieceFiles(entries));
  }
  // Labels of any kind may stand there: they are not read.
  writeFileSync(at('texts.csv'), `text,label\n${Array.from({ length: 240 }, (_, i) => `${sentence(i)} ${words[i % 12]},"[${i % 3}, 7.5]"`).join('\n')}\n`); // biome-ignore format: a table
});

describe.each(heads)('a head of $name', ({ name, classes }) => {
  const polynomial = at(`${name}-polynomial`);
  const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));

  it('learns from the original alone, and is measured by how near it comes', async () => {
    const told = await cli('inspect', at(name));
    expect(told.out).toMatch(/can be converted[\s\S]*nothing is promised for/);
    const { code, err } = await cli('convert', at(name), '--data', at('texts.csv'), '--quick', '--tokens', '8', '--out', polynomial); // biome-ignore format: a command
    expect([code, err]).toEqual([0, expect.stringMatching(/no labels are read[\s\S]*nothing is promised for/)]);
    const { stages, robustness } = JSON.parse(readFileSync(join(polynomial, 'conversion.json'), 'utf8'));
    const figure = name === 'numbers' ? 'correlation' : 'agreement';
    expect(stages[0]).toMatchObject({ figure, validation: { [figure]: expect.closeTo(1, 6), loss: expect.closeTo(0, 6) } });
    const { [figure]: reached, f1, meanSquaredError } = stages.at(-1).test;
    expect(reached).toBeGreaterThan(0.8);
    expect(name === 'numbers' ? meanSquaredError : f1).toBeGreaterThan(0);
    expect(robustness.agree).toBeGreaterThan(0);
    expect(readFileSync(join(polynomial, 'report.html'), 'utf8')).toContain('with the original');
  }, 180_000); // biome-ignore format: lines

  it('answers encrypted as in clear, and says what its numbers are', async () => {
    const model = await PolynomialModel.load(polynomial);
    const { results: clear } = await model.predict(asked);
    const { results: trained } = await (await loadModel(at(name))).predict(asked);
    using program = await compile(polynomial, { folder: at(`${name}-program`), parameters: insecureParameters() });
    await using connection = await connect(at(`${name}-program`), { insecure: true });
    const answers = await connection.ask(asked);
    const revealed = answers.reveal().results;
    for (const [i, { logits, labels, ids }] of clear.entries()) {
      const own = revealed[i]!;
      expect([answers.results[i]!.inRange, own.logits!.length]).toEqual([true, logits!.length]);
      for (const [k, value] of logits!.entries()) expect(Math.abs(own.logits![k]! - value)).toBeLessThan(1e-3 * Math.max(1, largest(logits!)));
      expect(own.labels!.map(({ label, token }) => [label, token])).toEqual(labels!.map(({ label, token }) => [label, token]));
      for (const [k, { score }] of labels!.entries()) expect(own.labels![k]!.score).toBeCloseTo(score!, 2);
      if (name === 'tokens') {
        expect(labels!.map(({ token }) => token)).toEqual(['[CLS]', ...asked[i]!.split(' '), '[SEP]']);
        expect(trained[i]!.labels!.map(({ token }) => token)).toEqual(labels!.map(({ token }) => token));
        expect([answers.results[i]!.labels, logits!.length]).toEqual([labels!.map(({ label, token }) => ({ label, token })), 3 * ids!.length]);
      }
      if (name === 'labels') expect(answers.results[i]!.labels.map(({ label }) => label).sort()).toEqual(classes.filter((_, k) => logits![k]! > 0).sort());
      if (name === 'numbers') expect([answers.results[i]!.labels, labels]).toEqual([[], [{ label: 'price', score: logits![0] }]]);
      expect(answers.results[i]!.label).toBeUndefined();
      expect(() => answers.results[i]!.share()).toThrow(expect.objectContaining({ code: 'not-shareable' }));
    }
    expect(program.manifest.model).toMatchObject({ classes });
  }, 120_000); // biome-ignore format: lines

  it('on the command line calls numbers what they are', async () => {
    const said = await cli('predict', polynomial, '--text', asked[0]!);
    expect(said.out).toMatch({ tokens: /token.*label.*score[\s\S]*\[CLS\]/, labels: /label.*holds by/, numbers: /label.*value[\s\S]*price/ }[name]);
    const client = await Client.create(at(`${name}-program`), { secret: at(`${name}-secret`), insecure: true });
    const server = await Server.load(at(`${name}-program`), { insecure: true });
    const [request] = await client.encrypt([asked[0]!]);
    const result = await server.run(await server.loadKeys(client.evaluationKeys()), request!.bytes);
    for (const [file, bytes] of [['in', request!.bytes], ['out', result]] as const) writeFileSync(at(`${name}-${file}`), bytes);
    for (const one of [client, server]) await one.close();
    const decrypted = await insecureCli('decrypt', at(`${name}-program`), '--keys', at(`${name}-secret`), '--input', at(`${name}-out`), '--request', at(`${name}-in`));
    expect(decrypted.out).toMatch({ tokens: /token.*class/, labels: /\(in range\)/, numbers: /a number: --reveal shows it \(in range\)/ }[name]);
  }, 120_000); // biome-ignore format: lines
});
