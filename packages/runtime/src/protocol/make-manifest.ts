import { keyPlanDigest } from '@cipherformer/ckks';
import { countKeys, tuplesOf } from '../keys/key-list.ts';
import type { PlannedProgram } from '../keys/planned-program.ts';
import { registerLevels } from '../program/levels.ts';
import { CanonicalScales } from '../program/scales.ts';
import { highestSentLevel, manifestFormat, manifestVersion, type ProgramManifest } from './manifest-schema.ts';
import { toRuns } from './runs.ts';

export interface ManifestSource {
  readonly digest: string;
  readonly planned: PlannedProgram;
  /** Examples that one run computes. */
  readonly batch: number;
  readonly predicted: ProgramManifest['predicted'];
  readonly model: ProgramManifest['model'];
  /** SHA-256 of the other files of the client's half, by their names. */
  readonly files: Readonly<Record<string, string>>;
  /** Of a program that generates: its step, planned for the same keys, and most tokens. */
  readonly generation?: { readonly tokens: number; readonly step: PlannedProgram; readonly cpuSeconds: number };
}

/** The manifest of a compiled program, its key plan included. */
export function makeManifest({ planned, ...rest }: ManifestSource): ProgramManifest {
  const { program, bootstrapPlan: plan } = planned;
  const { parameters } = plan;
  const { specs } = planned.keyPlan;
  const { chainBits, specialBits, ...literal } = parameters.literal;
  return {
    format: manifestFormat,
    version: manifestVersion,
    digest: rest.digest,
    parameters: { ...literal, chainBits: [...chainBits], specialBits: [...specialBits] },
    parametersDigest: parameters.digest,
    slots: program.slots,
    batch: rest.batch,
    ...sidesOf(planned),
    ...(rest.generation ? { generation: generationOf(rest.generation) } : {}),
    keys: {
      plan: keyPlanDigest(parameters, specs),
      list: tuplesOf(specs),
      ...countKeys(parameters, specs),
    },
    predicted: rest.predicted,
    model: rest.model,
    files: { ...rest.files },
  };
}

/** What a client brings and what it gets. */
function sidesOf({ program, bootstrapPlan: plan }: PlannedProgram): Pick<ProgramManifest, 'inputs' | 'outputs'> {
  const scales = new CanonicalScales(plan.parameters, plan.outputLevel);
  const levels = registerLevels(program, {
    bootstrapInputLevel: plan.inputLevel,
    bootstrapOutputLevel: plan.outputLevel,
  });
  return {
    inputs: program.inputs.map(({ name, level, source, factor }) => ({
      name,
      level,
      scale: scales.at(level),
      source: toRuns(source),
      factor,
    })),
    outputs: program.outputs.map(({ register, slots, ...output }) => ({
      ...output,
      slots: toRuns(slots),
      level: Math.min(levels.get(register)!, highestSentLevel),
      // Dropping levels leaves the scale as it is.
      scale: scales.at(levels.get(register)!),
    })),
  };
}

function generationOf({
  tokens,
  step,
  cpuSeconds,
}: NonNullable<ManifestSource['generation']>): NonNullable<ProgramManifest['generation']> {
  const { level, outputs } = step.program.kept!;
  const keptBytes = outputs.length * 2 * (level + 1) * 8 * 2 ** step.bootstrapPlan.parameters.logN;
  return { tokens, keptLevel: level, keptBytes, step: { ...sidesOf(step), cpuSeconds } };
}
