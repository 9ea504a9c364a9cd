import type { EvaluationFacts, Summary } from './result.ts';

/** What an encrypted evaluation has to reach. */
export interface Target {
  readonly name: string;
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Largest difference of a logit at unit spread. Far below what tells two answers apart, far above the noise. */
const largestDifference = 1e-2;
/** The formulas are of the average case; a few logits of a few examples estimate a deviation within a bit or so. */
const largestNoiseGapBits = 3;
const largestCpuError = 0.25;

/** Compares a summary with the targets. All of them have to be met. */
export function compareWithTargets(summary: Summary, { keyBytes }: EvaluationFacts): Target[] {
  const { examples, flagged, falseAlarms, agree, worstDifference, noiseBits, cpuRatio } = summary;
  const trusted = examples - flagged;
  const gap = Math.max(...noiseBits.map(({ simulated, measured }) => Math.abs(simulated - measured)));
  return [
    {
      name: 'largest logit as in clear',
      target: 'every trusted answer',
      measured: `${agree} of ${trusted}`,
      met: trusted > 0 && agree === trusted,
    },
    {
      name: 'largest difference at unit spread',
      target: `${largestDifference} at most`,
      measured: worstDifference === undefined ? 'no trusted answer' : worstDifference.toExponential(1),
      met: worstDifference !== undefined && worstDifference <= largestDifference,
    },
    {
      name: 'flagged without cause in clear',
      target: '0',
      measured: `${falseAlarms}`,
      met: falseAlarms === 0,
    },
    {
      name: 'simulated and measured noise',
      target: `within ${largestNoiseGapBits} bits`,
      measured: noiseBits.length === 0 ? 'no trusted answer' : `${gap.toFixed(1)} bits apart`,
      met: noiseBits.length > 0 && gap <= largestNoiseGapBits,
    },
    {
      name: 'predicted processor time',
      target: `within ${100 * largestCpuError} %`,
      measured: `${Math.abs(100 * (cpuRatio - 1)).toFixed(0)} % too ${cpuRatio < 1 ? 'little' : 'much'}`,
      met: Math.abs(cpuRatio - 1) <= largestCpuError,
    },
    {
      name: 'bytes of the keys',
      target: `${keyBytes.predicted}`,
      measured: `${keyBytes.measured}`,
      met: keyBytes.predicted === keyBytes.measured,
    },
  ];
}
