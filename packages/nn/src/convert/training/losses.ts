import { elementCount } from '@cipherformer/model';
import type { Tensor } from '../../onnx/program.ts';
import * as ops from '../../ops/index.ts';
import type { LossContext, Losses, LossTerm } from '../../train/build-step.ts';
import { taskLoss } from '../../train/losses.ts';
import type { Site } from '../../transformer/builder.ts';
import type { ModelConfig } from '../../transformer/config.ts';
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
 * The terms of a conversion step: "task" (labels; an encoder has none), "distillation" (KL to the teacher's logits; of an encoder the
 * squared distance to the teacher's embeddings relative to their size), "features" (mean over
 * layers of the squared distance to the teacher's hidden states relative to their size), "range" and "variance" (range losses,
 * each the sum over its sites, in units of a site's half-width). Their weights are fed at every step.
 */
export function conversionLosses(config: ModelConfig, options: ConversionLossOptions): Losses {
  return (context) => {
    const isEncoder = config.task === 'text-embedding';
    const terms: LossTerm[] = isEncoder ? [] : [...taskLoss(config, options.labelSmoothing)(context)];
    if (options.teacher) {
      const teacher = buildTeacher(context, options.teacher.config);
      const outputs = config.head.outputs;
      const rows = elementCount(teacher.logits.shape) / outputs;
      const flat = (logits: Tensor) => ops.reshape(logits, [rows, outputs]);
      terms.push({
        name: 'distillation',
        tensor: isEncoder
          ? relativeDistance(context.graph.logits, teacher.logits)
          : ops.distillation(flat(context.graph.logits), flat(teacher.logits), options.teacher.temperature),
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

/** sum((a - b)^2) / sum(b^2). */
const relativeDistance = (a: Tensor, b: Tensor): Tensor =>
  ops.div(ops.sum(ops.square(ops.sub(a, b))), ops.shift(ops.sum(ops.square(b)), 1e-12));

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
