import { gib } from '@cipherformer/base';
import type { AnswerKind } from '@cipherformer/model';
import { answerKind, chooseRecipe, type Model, otherAnswer, promised, UnsupportedPartError } from '@cipherformer/nn';
import { type PlanFigures, predictedPlan } from '../shapes/plan-figures.ts';

/** What a trained model is, and what would become of it in polynomial form, in words. */
export interface Outlook {
  /** What it takes and answers. */
  readonly is: string;
  /** What happens to inputs that are not as it takes them. */
  readonly inputs: string;
  /** Why it cannot be converted; absent where it can. */
  readonly refused?: string;
  /** What a conversion puts in the place of what is no polynomial, a line a kind of part. */
  readonly replaced: readonly string[];
  /** What such conversions cost; absent where it cannot be converted. */
  readonly loss?: string;
  /** The encrypted program to come, predicted by its shape. */
  readonly encrypted?: PlanFigures;
}

/** Texts of a conversion are cut to this, where the model takes as many. */
const usualTokens = 128;

/** Before any conversion: whether it can be, and what it would change. Cost: a compilation, seconds for small models. */
export function outlookOf({ config, preprocess }: Model): Outlook {
  const told = { is: describe({ config, preprocess }), inputs: inputsOf({ config, preprocess }) };
  try {
    const { recipe } = chooseRecipe(config, undefined, { name: 'model', examples: 1000 });
    const tokens = config.embedding.kind === 'token' ? Math.min(usualTokens, config.embedding.maxTokens) : undefined;
    return {
      ...told,
      replaced: replacedIn(config),
      loss: lossOf(config),
      encrypted: predictedPlan(config, recipe, tokens),
    };
  } catch (error) {
    if (error instanceof UnsupportedPartError) return { ...told, refused: error.message, replaced: [] };
    throw error;
  }
}

type Described = Pick<Model, 'config' | 'preprocess'>;

function describe({ config, preprocess }: Described): string {
  const { task, head, layers, width, attention } = config;
  const names = preprocess.classes?.slice(0, 6).join(', ');
  const classes = `${head.outputs} classes${names ? ` (${names}${head.outputs > 6 ? ', ...' : ''})` : ''}`;
  const answers =
    task === 'language-model'
      ? `gives the next of ${head.outputs} tokens`
      : (answerOf(config, classes) ?? `chooses one of ${classes}`);
  const kind = config.embedding.kind === 'patch' ? 'pictures' : 'texts';
  return `a transformer of ${kind} that ${answers}: ${layers} ${layers === 1 ? 'layer' : 'layers'} of width ${width}, ${attention.heads} heads`;
}

function answerOf(config: Model['config'], classes: string): string | undefined {
  if (config.head.problem === 'regression') return `gives ${config.head.outputs === 1 ? 'a number' : 'numbers'}`;
  if (config.head.problem) return `gives any of ${classes}, several at once`;
  if (config.task === 'token-classification') return `chooses one of ${classes} for every token`;
  return otherAnswer(config) && `gives ${otherAnswer(config)} of ${config.head.outputs} numbers`;
}

function inputsOf({ config: { embedding }, preprocess }: Described): string {
  if (embedding.kind === 'token')
    return `texts of at most ${embedding.maxTokens} tokens; convert cuts them to ${Math.min(usualTokens, embedding.maxTokens)} (--tokens), what is longer is cut off and told`;
  const size = `${embedding.width} x ${embedding.height} ${embedding.channels === 1 ? 'grey' : 'colour'} pixels`;
  if (!preprocess.normalise)
    return `pictures of ${size}, values from 0 to 1: it has no preprocessor_config.json, which would say otherwise`;
  return preprocess.picture
    ? `pictures of any size (PNG, JPEG), brought to ${size} as its image processor says`
    : `pictures of ${size} (PNG, JPEG); it came without an image processor: other sizes are refused, or scaled where asked`;
}

function replacedIn(config: Model['config']): string[] {
  const { norm, mlp, layers, task } = config;
  const degree = task === 'language-model' ? '3 or 7' : '2';
  const activation = typeof mlp.activation === 'string' ? mlp.activation : 'polynomial';
  return [
    `softmax of ${layers} layers: an activation of each score alone, then a polynomial of degree 2`,
    `${norm.kind} normalisations: their division by a stored number`,
    `${activation} of ${layers} MLPs: polynomials of degree ${degree}`,
  ];
}

/** Of answers other than a class or the next token: what is measured. undefined for those. */
export const nothingPromised = (kind: AnswerKind): string | undefined => measuredOnly[kind];

const measuredOnly: Readonly<Partial<Record<AnswerKind, string>>> = {
  embedding: 'nothing is promised for embeddings; cosines with the original, their order and nearest ten are measured',
  'token-classes': 'nothing is promised for classes of tokens; on how many the original agrees, and F1, are measured',
  labels:
    'nothing is promised for several labels; on how many the original agrees, and the mean F1 of labels, are measured',
  numbers: 'nothing is promised for numbers; their correlation with the original’s and the squared error are measured',
};

function lossOf(config: Model['config']): string {
  const { task } = config;
  const other = nothingPromised(answerKind(config));
  if (other !== undefined) return other;
  return task === 'language-model'
    ? `a perplexity of at most x ${Math.exp(promised.natsPerCharacter).toFixed(2)}, mostly far less`
    : `at most ${(100 * promised.accuracy).toFixed(1)} points of accuracy, mostly far less`;
}

/** An outlook for a person. */
export function outlookLines({ is, inputs, refused, replaced, loss, encrypted }: Outlook): string[] {
  if (refused !== undefined) return [is, `takes ${inputs}`, `convert refuses it: ${refused}`];
  return [
    is,
    `takes ${inputs}`,
    'can be converted; a conversion replaces and trains',
    ...replaced.map((line) => `  ${line}`),
    `what that costs: ${loss}; inputs unlike its training examples may leave its range and get no answer`,
    ...(encrypted
      ? [
          `encrypted, predicted for this shape: ${encrypted.cpuSeconds.toFixed(0)} s of processor time an input, ${gib(encrypted.keyBytes)} of keys, ${gib(encrypted.peakBytes)} of memory`,
        ]
      : []),
  ];
}
