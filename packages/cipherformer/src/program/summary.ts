import { gib } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import { formatSeconds } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

/** What a program needs and is expected to take, for a person. */
export function describeProgram(manifest: ProgramManifest, parameters: Parameters): string {
  const { keys, predicted, inputs, outputs, model } = manifest;
  const { batch } = manifest;
  const rows: [string, string][] = [
    ['model', `${model.name} (${model.task})`],
    ['program', manifest.digest.slice(0, 16)],
    ['parameters', `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP.toFixed(0)}, ${parameters.security}`],
    ['inputs', inputs.map(({ name, level }) => `${name} at level ${level}`).join(', ')],
    ['outputs', `${outputs.length} ciphertext${outputs.length === 1 ? '' : 's'}`],
    ['instructions', `${predicted.instructions}, bootstrapped ciphertexts ${predicted.bootstraps}`],
    ['evaluation keys', `${gib(keys.keyBytes)} in memory, ${gib(keys.wireBytes)} as a file`],
    ...(batch > 1 ? [['inputs at once', `${batch}`] as [string, string]] : []),
    [
      'predicted time',
      `${formatSeconds(predicted.cpuSeconds)} of processor time` +
        `${batch > 1 ? `, ${(predicted.cpuSeconds / batch).toFixed(2)} s an input` : ''}`,
    ],
    ['predicted memory', gib(predicted.peakBytes)],
    [
      'predicted error',
      predicted.error === undefined
        ? 'not known'
        : `${predicted.error.toExponential(1)} of a logit at most${predicted.errorAtUnitSpread === undefined ? '' : `, ${predicted.errorAtUnitSpread.toExponential(1)} at unit spread`}`,
    ],
  ];
  return renderTable(['', ''], rows);
}
