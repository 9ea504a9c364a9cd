import { recordRanges, type SiteRange } from '../../evaluate/ranges.ts';
import type { SubstituteOptions } from '../recipe.ts';
import { batchNorms, type Converted, freezeNorms, pointwiseAttention } from '../substitution/architecture.ts';
import { balanceMaps } from '../substitution/balance.ts';
import { normStatistics } from '../substitution/calibrate.ts';
import { chooseDegrees, type DegreeChoice } from '../substitution/degrees.ts';
import { activationAt, isActivation, type SitePolynomial, substitute } from '../substitution/substitute.ts';
import { type Conversion, calibrationOf, rangesOn, validatorOn } from '../training/conversion.ts';
import { freezableNorms, type StagePart } from './plan.ts';

export interface AppliedChange {
  readonly model: Converted;
  /** In words, for the record. */
  readonly description: string;
  readonly fits: readonly SitePolynomial[];
  readonly front: readonly DegreeChoice[];
}

/** Applies a part's change to the model, before its training. Everything measured is measured on training data. */
export async function applyChange(conversion: Conversion, part: StagePart, model: Converted): Promise<AppliedChange> {
  const { change } = part.stage;
  switch (change?.kind) {
    case undefined:
      return { model, description: 'training only', fits: [], front: [] };
    case 'attention': {
      const { kind: _, balance, scaling, mapNorm, ...options } = change;
      const name = typeof options.activation === 'string' ? options.activation : 'polynomial';
      const pointwise = pointwiseAttention(model, {
        ...options,
        ...(scaling ? { scaling } : {}),
        ...(mapNorm ? { mapNorm } : {}),
      });
      return {
        model: balance
          ? balanceMaps(pointwise, await scoresUnderSoftmax(conversion, model), conversion.data.tokens)
          : pointwise,
        description: `pointwise attention, ${name}${balance ? ', values balanced' : ''}`,
        fits: [],
        front: [],
      };
    }
    case 'freeze-norms': {
      const set = conversion.data.train;
      const statistics = await normStatistics(model, set, calibrationOf(conversion));
      const denominators = new Map(part.norms.map((name) => [name, statistics.get(name)!.deviation]));
      const values = [...denominators].map(([name, value]) => `${name}: ${value.toFixed(3)}`).join(', ');
      return {
        model: freezeNorms(model, denominators),
        description: `frozen denominators ${values}`,
        fits: [],
        front: [],
      };
    }
    case 'batch-norms': {
      const names = freezableNorms(model.config);
      return {
        model: batchNorms(model, names),
        description: `BatchNorm at ${names.length} places`,
        fits: [],
        front: [],
      };
    }
    case 'substitute':
      return substituteSites(conversion, model, change, part.sites ?? '');
  }
}

/** What the scores of a softmax model are, hidden ones left out. */
async function scoresUnderSoftmax(conversion: Conversion, model: Converted): Promise<SiteRange[]> {
  const set = conversion.data.train;
  const ranges = await recordRanges(model.config, model.weights, set, calibrationOf(conversion));
  return ranges.filter(({ kind }) => kind === 'attention-softmax');
}

async function substituteSites(
  conversion: Conversion,
  model: Converted,
  options: SubstituteOptions,
  prefix: string,
): Promise<AppliedChange> {
  const { recipe } = conversion;
  // Sites that are polynomials already, say attention (x + c)^p, stay as they are.
  const sites = (await rangesOn(conversion, model, 'train', recipe.calibration, options.spare)).filter(
    (range) =>
      isActivation(range) &&
      range.name.startsWith(prefix) &&
      typeof activationAt(model.config, range.name) === 'string',
  );
  // Candidates differ in their coefficients alone, so that one compiled model scores them all.
  let validator: Awaited<ReturnType<typeof validatorOn>> | undefined;
  let compiled = '';
  const score = async (candidate: Converted) => {
    const shape = JSON.stringify(
      Object.entries(candidate.config.overrides).map(([site, override]) => [
        site,
        typeof override === 'string' ? override : override.high,
      ]),
    );
    if (!validator || compiled !== shape) {
      await validator?.close();
      validator = await validatorOn(conversion, candidate, 'validation');
      compiled = shape;
    }
    const result = await validator.run(candidate.weights);
    const loss = result.loss ?? result.natsPerCharacter!;
    return Number.isFinite(loss) ? loss : Number.POSITIVE_INFINITY;
  };
  try {
    const { polynomials, front } = await chooseDegrees(model, sites, options, score);
    const degrees = polynomials.map(({ coefficients }) => coefficients.length - 1);
    return {
      model: substitute(model, polynomials, { trainable: options.trainable, clamp: true }),
      description: `polynomials of degree ${[...new Set(degrees)].sort((a, b) => a - b).join(', ')} at ${sites.length} sites`,
      fits: polynomials,
      front,
    };
  } finally {
    await validator?.close();
  }
}
