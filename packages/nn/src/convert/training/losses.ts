import { elementCount } from '@cipherformer/model';
import type { Tensor } from '../../onnx/program.ts';
import * as ops from '../../ops/index.ts';
import type { LossContext, Losses, LossTerm } from '../../train/build-step.ts';
import { taskLoss } from '../../train/losses.ts';
import type { Site } from '../../transformer/builder.ts';
import { answerKind, type ModelConfig, otherAnswer } from '../../transformer/config.ts';
import { limitsOf, type SiteLimits } from './limits.ts';
import { maxRangeLoss, normRangeLoss, squaredRangeLoss } from './range-loss.ts';
import { buildTeacher } from './teacher.ts';

/** How values outside their limits are counted against the model; see range-loss.ts. */
export type RangeLossForm = 'square' | 'max' | 'norm';

export interface ConversionLossOptions {
  /** The model to learn from; it is built into the same program. */
  readonly teacher?: { readonly config: ModelConfig; readonly temperature: number };
  /** Feature terms need the teacher and the same number of layers and widths. */
  readonly features: boolean;
  /** Limits of activation inputs (L_range), as a polynomial's interval or a target. */
  readonly range: { readonly form: RangeLossForm; readonly limits: readonly SiteLimits[] };
  /** Limits of the variances that normalisations divide by (L_variance), two-sided. */
  readonly variance: readonly SiteLimits[];
  readonly labelSmoothing: number;
}

/**
 * The terms of a conversion step: "task" (labels; what does not choose one class has none), "distillation" (distance to the
 * teacher's answer, see `answerDistance`), "features" (mean over
 * layers of the squared distance to the teacher's hidden states relative to their size), "range" and "variance" (range losses,
 * each the sum over its sites, in units of a site's half-width). Their weights are fed at every step.
 */
export function conversionLosses(config: ModelConfig, options: ConversionLossOptions): Losses {
  return (context) => {
    const terms: LossTerm[] = otherAnswer(config) ? [] : [...taskLoss(config, options.labelSmoothing)(context)];
    if (options.teacher) {
      const teacher = buildTeacher(context, options.teacher.config);
      terms.push({
        name: 'distillation',
        tensor: answerDistance(config, context, teacher.logits, options.teacher.temperature),
      });
      if (options.features) {
        terms.push({ name: 'features', tensor: featureLoss(context, teacher.hidden) });
      }
    }
    // Hidden positions count as well: under encryption a polynomial is evaluated at every slot, and none may explode.
    const activations = context.sites
      .filter(({ kind }) => kind !== 'norm-variance' && kind !== 'attention-softmax')
      .map(({ name, kind, tensor }) => ({ name, kind, tensor }));
    const range = rangeLoss(activations, options.range.limits, options.range.form);
    if (range) terms.push({ name: 'range', tensor: range });
    const variances = context.sites.filter(({ kind }) => kind === 'norm-variance');
    const variance = rangeLoss(variances, options.variance, 'square');
    if (variance) terms.push({ name: 'variance', tensor: variance });
    return terms;
  };
}

/**
 * How far the model's answer is from the teacher's: KL of the classes, of each token that is no padding, or of each label as a
 * choice of two, summed over the labels; of numbers the squared error as a share of the teacher's variance in the batch; of
 * embeddings as a share of their size.
 */
function answerDistance(
  config: ModelConfig,
  { graph, inputs }: LossContext,
  teacher: Tensor,
  temperature: number,
): Tensor {
  const student = graph.logits;
  const { outputs } = config.head;
  const rows = elementCount(teacher.shape) / outputs;
  const flat = (logits: Tensor) => ops.reshape(logits, [rows, outputs]);
  switch (answerKind(config)) {
    case 'embedding':
      return relativeDistance(student, teacher);
    case 'numbers':
      return relativeDistance(student, teacher, ops.mean(teacher, [0], true));
    case 'labels':
      return ops.scale(ops.distillation(asChoices(student), asChoices(teacher), temperature), outputs);
    case 'token-classes': {
      // Rows of zeros are alike: what hides padding in both leaves the other rows alone, and the mean is over these.
      const mask = ops.reshape(inputs.mask!, [rows, 1]);
      const [ours, theirs] = [student, teacher].map((logits) => ops.mul(flat(logits), mask)) as [Tensor, Tensor];
      return ops.div(ops.distillation(ours, theirs, temperature), ops.mean(mask));
    }
    default:
      return ops.distillation(flat(student), flat(teacher), temperature);
  }
}

/** Logits of labels, each beside a zero: the softmax of such a pair is the sigmoid. [labels of all examples, 2] */
function asChoices(logits: Tensor): Tensor {
  const count = elementCount(logits.shape);
  const zeros = logits.program.constant(new Float32Array(count), [count, 1], 'zeros');
  return ops.concat([ops.reshape(logits, [count, 1]), zeros], 1);
}

/** sum((a - b)^2) / sum((b - centre)^2). */
const relativeDistance = (a: Tensor, b: Tensor, centre?: Tensor): Tensor =>
  ops.div(ops.sum(ops.square(ops.sub(a, b))), ops.shift(ops.sum(ops.square(centre ? ops.sub(b, centre) : b)), 1e-12));

/** Mean over layers of mean((h - teacher)^2) / mean(teacher^2); padding left out. */
function featureLoss({ graph, inputs }: LossContext, teacher: readonly Tensor[]): Tensor {
  // The embedding (hidden 0) is shared by construction and left to itself.
  const layers = graph.hidden.slice(1).map((student, i) => {
    const target = teacher[i + 1]!;
    const [batch, tokens] = student.shape as [number, number, number];
    const mask = inputs.mask && ops.reshape(inputs.mask, [batch, tokens, 1]);
    const difference = ops.sub(student, target);
    const kept = mask ? ops.mul(difference, mask) : difference;
    const size = ops.sum(ops.square(mask ? ops.mul(target, mask) : target));
    return ops.div(ops.sum(ops.square(kept)), ops.shift(size, 1e-12));
  });
  return ops.scale(layers.reduce(ops.add), 1 / layers.length);
}

function rangeLoss(sites: readonly Site[], limits: readonly SiteLimits[], form: RangeLossForm): Tensor | undefined {
  const forms = { square: squaredRangeLoss, max: maxRangeLoss, norm: normRangeLoss };
  const terms = sites.flatMap((site) => {
    const found = limitsOf(site.name, limits);
    return found ? [forms[form](site.tensor, found.low, found.high, site.include)] : [];
  });
  return terms.length > 0 ? terms.reduce(ops.add) : undefined;
}
