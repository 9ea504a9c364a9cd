import { Transport } from '@cipherformer/client';
import type { Question } from '@cipherformer/client/browser';
import {
  type ModelInput,
  PolynomialEvaluator,
  type PolynomialModel,
  parsePolynomialModel,
  pictureDecoder,
  polynomialSites,
  prepareInput,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import type { ClearAnswer, ModelStory } from './messages.ts';

// The polynomial model in clear, of the files that whoever runs the service gives away. The input stays here: what is asked for
// are the model's files, once, whatever the question is.

interface Loaded {
  readonly model: PolynomialModel;
  readonly evaluator: PolynomialEvaluator;
}

/** Models that were loaded, by program; undefined for one that is not given away. */
const models = new Map<string, Promise<Loaded | undefined>>();

/** The model of a program. @throws TransportError, FormatError */
export function loadModel(service: string, digest: string): Promise<Loaded | undefined> {
  const known = models.get(digest);
  if (known) return known;
  const loading = fetchModel(new Transport(service), digest);
  models.set(digest, loading);
  // A line that broke is tried again with the next question.
  loading.catch(() => models.delete(digest));
  return loading;
}

async function fetchModel(transport: Transport, digest: string): Promise<Loaded | undefined> {
  const program = (await transport.programs()).find((one) => one.digest === digest);
  if (program?.model === undefined) return undefined;
  const files = new Map<string, Uint8Array>();
  for (const { name } of program.model) files.set(name, await transport.modelFile(program, name));
  const model = parsePolynomialModel(files, 'the published model');
  return { model, evaluator: new PolynomialEvaluator(model.graph) };
}

/** What the model says. Cost: a run in clear, a second for the models of the repository. */
export async function computeClear({ model, evaluator }: Loaded, question: Question): Promise<ClearAnswer> {
  const began = performance.now();
  const recorder = new ValueRecorder(model.graph);
  const logits = [...evaluator.run(prepareInput(model, await inputOf(question)), recorder.nextExample())];
  const inRange = untrustedExamples(recorder.record()) === 0;
  const best = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = logits.map((value) => Math.exp(value - best));
  const sum = powers.reduce((total, power) => total + power, 0);
  const names = model.documents ?? model.classes;
  const label = (k: number) => names?.[k] ?? `${k}`;
  return {
    ...(inRange ? { label: label(logits.indexOf(best)) } : {}),
    // Of a search the scores are what it ranks by; of classes shares of 1.
    scores: logits.map((logit, k) => ({ label: label(k), score: model.documents ? logit : powers[k]! / sum })),
    seconds: (performance.now() - began) / 1000,
  };
}

export function storyOf({ model }: Loaded): ModelStory {
  const { name, description, stages = [] } = model.card;
  return {
    name,
    ...(description ? { description } : {}),
    stages,
    polynomials: polynomialSites(model).map(
      ({ name: site, function: what = 'a function', interval: [low, high], degrees }) => ({
        site,
        what,
        interval: `${low.toPrecision(3)} … ${high.toPrecision(3)}`,
        degrees,
      }),
    ),
  };
}

async function inputOf(question: Question): Promise<ModelInput> {
  if (!('picture' in question)) return question;
  const { picture } = question;
  const bytes = picture instanceof Uint8Array ? picture : new Uint8Array(await picture.arrayBuffer());
  return { picture: await (await pictureDecoder())(bytes, 'The picture') };
}
