import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import type { DataConfig, SplitName } from '@cipherformer/nn';
import { interruptible } from '../terminal/interrupt.ts';
import { print } from '../terminal/output.ts';
import { type Bar, startBar, startStages } from '../terminal/progress.ts';
import { showable } from '../terminal/text.ts';
import { type EncryptedEvaluationOptions, type EvaluationProgress, evaluateEncrypted } from './encrypted.ts';
import { evaluationTables, exampleLine } from './tables.ts';

/** The options of `eval` that belong to --encrypted. */
export interface EncryptedVerbOptions {
  readonly encrypted?: number;
  readonly original?: string;
  readonly offset?: number;
  readonly order?: 'spread' | 'file';
  readonly seed?: number;
  readonly program?: string;
  readonly keys?: string;
  readonly out?: string;
  readonly data: string;
  readonly split: SplitName;
  readonly threads: number;
  readonly json?: boolean;
}

/** `cipherformer eval <poly-model> --encrypted <n>`: the table on stdout, exit code 3 where a target falls short. */
export async function evaluateEncryptedVerb(
  model: string,
  data: DataConfig,
  options: EncryptedVerbOptions & { readonly encrypted: number },
  security: SecurityOptions,
): Promise<void> {
  const { original, program, keys, out, json } = options;
  if (original === undefined)
    throw new UsageError('--encrypted compares with the trained model: give its folder with --original.');
  const given = { ...(program ? { program } : {}), ...(keys ? { keys } : {}), ...(out ? { out } : {}) };
  const kept = out === undefined ? 'give --out to keep results of examples' : `the same command goes on from ${out}`;
  await interruptible(`stopping after this instruction; ${kept}`, async (signal) => {
    const asked: EncryptedEvaluationOptions = {
      ...{ model, original, data, root: options.data, split: options.split, count: options.encrypted },
      ...{ threads: options.threads, signal, progress: startEvaluationProgress(), ...given },
      selection: { order: options.order ?? 'spread', seed: options.seed ?? 1, offset: options.offset ?? 0 },
    };
    const evaluation = await evaluateEncrypted(asked, security);
    const short = evaluation.targets.filter(({ met }) => !met);
    const each = short.map(({ name, target, measured }) => `${name} ${measured}, wanted ${target}`).join('; ');
    print(json, {
      value: evaluation,
      text: () => evaluationTables(evaluation),
      shortfall:
        short.length > 0 ? `${short.length} of ${evaluation.targets.length} targets fell short: ${each}` : undefined,
    });
  });
}

/** On stderr: stages of the set-up, then one bar over all runs with the time left at the speed so far. */
function startEvaluationProgress(): EvaluationProgress {
  const stages = startStages();
  let bar: Bar | undefined;
  return {
    note: (text) => process.stderr.write(`${showable(text)}\n`),
    setUp: stages.update,
    running({ what, done, total, secondsLeft, detail = '' }) {
      if (!bar) {
        stages.stop();
        bar = startBar(what, Math.max(1, Math.round(total)));
      }
      // Only the end is the total, so that it is shown once.
      const shown = done < total * (1 - 1e-9) ? Math.min(Math.floor(done), Math.round(total) - 1) : Math.round(total);
      bar.update(shown, detail, secondsLeft);
      if (shown === Math.round(total)) bar.stop();
    },
    answered: (example, classes) => process.stderr.write(`${showable(exampleLine(example, classes))}\n`),
  };
}
