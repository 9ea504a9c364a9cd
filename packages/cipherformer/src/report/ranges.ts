import { basename } from 'node:path';
import { rangeTargets, type TargetVerdict } from '@cipherformer/nn';
import { short } from '../page/format.ts';
import type { Cell } from '../terminal/table.ts';

/** The ranges of a conversion, judged. */
export interface JudgedRanges {
  readonly name: string;
  readonly targets: readonly TargetVerdict[];
}

/** A line a conversion: the worst of each kind, before and after, and which targets it met. */
export const rangesTable = (judged: readonly JudgedRanges[]) => ({ head, rows: judged.map(row) });

const head = [
  'conversion',
  `attention (at most ${rangeTargets.attention})`,
  `MLP (at most ${rangeTargets.mlp})`,
  `variance ratio (at most ${rangeTargets.varianceRatio})`,
  `out of range per 1,000 (at most ${rangeTargets.outsidePerThousand})`,
  'targets met',
];

function row({ name, targets }: JudgedRanges): Cell[] {
  const cell = (target: TargetVerdict['target'], absent: string) => {
    const verdict = targets.find((one) => one.target === target);
    if (!verdict) return absent;
    const before = verdict.before === undefined ? '' : `${short(verdict.before)} → `;
    return `${before}${short(verdict.measured)}`;
  };
  const missed = targets.filter(({ met }) => !met).map(({ target }) => targetNames[target]);
  return [
    basename(name),
    cell('attention', 'none'),
    cell('mlp', 'none'),
    cell('varianceRatio', 'none is divided by'),
    cell('outsidePerThousand', 'no polynomial'),
    missed.length === 0 ? 'all' : `all but ${missed.join(', ')}`,
  ];
}

const targetNames: Readonly<Record<TargetVerdict['target'], string>> = {
  attention: 'attention',
  mlp: 'MLP',
  varianceRatio: 'variance ratio',
  outsidePerThousand: 'out of range',
};
