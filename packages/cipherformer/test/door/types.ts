// What the compiler says of the library's types: `npm run types` compiles this file, nothing runs it.
import {
  type Answer,
  type Answers,
  Client,
  compile,
  connect,
  convert,
  datasets,
  type Input,
  loadModel,
  PolynomialModel,
  type Prediction,
  type Result,
  Server,
} from 'cipherformer';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(_?: T): void => {};

export async function inputs(): Promise<void> {
  const all: Input[] = ['a text', { text: 'a text' }, { ids: [1, 2] }, { pixels: [0] }, { image: new Float32Array(1) }, new Uint8Array(1), new Blob([])]; // biome-ignore format: a list
  // @ts-expect-error a number is no input
  all.push(5);
  // @ts-expect-error nor are token numbers without their name
  all.push([1, 2]);
  const service = await connect('program');
  holds<Equal<Awaited<ReturnType<typeof service.ask>>, Answers>>();
  await service.ask(all);
  // @ts-expect-error an answer needs an input
  await service.ask();
  // @ts-expect-error one signal, not a timeout
  await service.ask('a text', { timeout: 5 });
  await service.close();
}

export function answers(answer: Answer, told: Result): void {
  holds<Equal<typeof answer.inRange, boolean>>();
  holds<Equal<typeof answer.label, string | undefined>>();
  // @ts-expect-error private: reveal() has them
  answer.logits;
  // @ts-expect-error nobody changes an answer
  answer.inRange = true;
  holds<Equal<typeof told.logits, readonly number[] | undefined>>();
  holds<Equal<ReturnType<Answer['reveal']>, Result>>();
  // @ts-expect-error of an answer out of range there is none
  told.labels[0].label;
}

export async function sides(): Promise<void> {
  const program = await compile('model', { folder: 'program' });
  // @ts-expect-error a program is written to a folder
  await compile('model');
  const client = await Client.create(program.manifest, { secret: 'keys/secret' });
  await Client.create(program, { secret: { load: async () => undefined, save: async () => {} } });
  // @ts-expect-error a store saves, too
  await Client.create(program, { secret: { load: async () => undefined } });
  // @ts-expect-error a client is made by `create`
  new Client(program);
  // @ts-expect-error a server holds no secret key
  await Server.load(program, { secret: 'keys/secret' });
  const server = await Server.load(program);
  const made = client.evaluationKeys({ have: new Set(['0'.repeat(64)]) });
  holds<Equal<typeof made.bytes, number>>();
  holds<Equal<typeof made.parts, number>>();
  const keys = await server.loadKeys(made);
  const request = await client.encrypt('a text');
  const requests = await client.encrypt(['a text', 'another']);
  holds<Equal<Awaited<ReturnType<typeof client.exportSecret>>, Uint8Array<ArrayBuffer>>>();
  const result = await server.run(keys, request.bytes);
  holds<Equal<typeof result, Uint8Array<ArrayBuffer>>>();
  const results = await server.run(keys, requests);
  holds<Equal<typeof results, Uint8Array<ArrayBuffer>[]>>();
  // @ts-expect-error a result is decrypted for its request
  await client.decrypt(result);
  const [answer] = await client.decrypt(results, requests);
  await client.decrypt(result, request.bytes);
  await client.writeEvaluationKeys('keys', { maxBytes: 2 ** 33 });
  holds<Equal<typeof answer, Answer | undefined>>();
  program[Symbol.dispose]();
  for (const held of [client, server, keys]) await held[Symbol.asyncDispose]();
}

export async function conversion(): Promise<void> {
  const original = await loadModel('my-vit');
  const [said] = (await original.predict(['a text', { file: 'cat.png' }, { text: 'a', pair: 'b' }], { top: 3 }))
    .results;
  holds<Equal<typeof said, Prediction | undefined>>();
  await original.close();
  const data = await datasets.load({
    train: [{ pixels: [0], label: 0 }],
    classes: ['a', 'b'],
    image: { channels: 1, height: 1, width: 1 },
    normalise: { mean: [0], deviation: [1] },
  });
  await convert(original, data);
  // @ts-expect-error a recipe says how many examples a step takes
  await convert(original, data, { recipe: { name: 'a', stages: [] } });
  const { model, record } = await convert(original, data, { recipe: 'recipe.json' });
  holds<Equal<typeof model, PolynomialModel>>();
  holds<Equal<typeof record.exported.logitDifference, number>>();
  // @ts-expect-error read by `load`
  new PolynomialModel();
}
