// More inputs than a program computes at once: the library splits them.
import { evaluate, prepareInput } from '@cipherformer/model';
import { Client, compile, connect, Server } from 'cipherformer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';
import { model, scratch, tolerance } from './support.ts';

const { at, dispose } = scratch();
const inputs = Array.from({ length: 5 }, (_, n) => ({
  pixels: Array.from({ length: 16 }, (_, i) => (i * (37 + 8 * n)) % 256),
}));
const inClear = inputs.map((input) => [...evaluate(model.graph, prepareInput(model, input))]);
const insecure = true;

const close = (logits: readonly (readonly number[] | undefined)[]) => {
  expect(logits.length).toBe(inClear.length);
  for (const [n, row] of inClear.entries())
    for (const [k, logit] of row.entries()) expect(Math.abs(logits[n]![k]! - logit)).toBeLessThan(2 * tolerance);
};

beforeAll(async () => {
  (await compile(at('model'), { folder: at('program'), batch: 2, parameters: insecureParameters() })).close();
}, 60_000);

afterAll(dispose);

describe('five inputs of a program that computes two at once', () => {
  it('are answered in their order by a connection', async () => {
    const connection = await connect(at('program'), { insecure });
    const answers = await connection.ask(inputs);
    close(answers.reveal().results.map(({ logits }) => logits));
    await expect(connection.ask([])).rejects.toMatchObject({ code: 'bad-usage' });
    await expect(connection.ask([...inputs, { text: 'a text' }])).rejects.toMatchObject({ code: 'bad-data' });
    await connection.close();
  });

  it('are three requests and three results between the two sides', async () => {
    const client = await Client.create(at('program/client'), { insecure });
    const server = await Server.load(at('program'), { insecure });
    const keys = await server.loadKeys(client.evaluationKeys());
    const requests = await client.encrypt(inputs);
    expect(requests.map(({ examples }) => examples)).toEqual([2, 2, 1]);
    const results = await server.run(keys, requests);
    const answers = await client.decrypt(results, requests);
    close([...answers].map((answer) => answer.reveal().logits));
    await expect(client.decrypt(results.slice(1), requests)).rejects.toThrow('2 results for 3 requests');
    await expect(client.decrypt(results.toReversed(), requests)).rejects.toMatchObject({ code: 'mismatched-result' });
    await client.close();
    await server.close();
  });
});
