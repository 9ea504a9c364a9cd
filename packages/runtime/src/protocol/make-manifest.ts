import { BootstrapPlan, keyPlanDigest, type Parameters } from '@cipherformer/ckks';
import { countKeys, tuplesOf } from '../keys/key-list.ts';
import { planKeys } from '../keys/key-plan.ts';
import type { EncryptedProgram } from '../program/instructions.ts';
import { registerLevels } from '../program/levels.ts';
import { CanonicalScales } from '../program/scales.ts';
import { highestSentLevel, manifestFormat, manifestVersion, type ProgramManifest } from './manifest-schema.ts';
import { toRuns } from './runs.ts';

export interface ManifestSource {
  readonly digest: string;
  readonly parameters: Parameters;
  readonly program: EncryptedProgram;
  readonly predicted: ProgramManifest['predicted'];
  readonly compile: ProgramManifest['compile'];
  readonly model: ProgramManifest['model'];
  /** SHA-256 of the other files of the client's half, by their names. */
  readonly files: Readonly<Record<string, string>>;
}

/** The manifest of a compiled program, its key plan included. */
export function makeManifest({ parameters, program, ...rest }: ManifestSource): ProgramManifest {
  const plan = new BootstrapPlan(parameters);
  const scales = new CanonicalScales(parameters, plan.outputLevel);
  const levels = registerLevels(program, {
    bootstrapInputLevel: plan.inputLevel,
    bootstrapOutputLevel: plan.outputLevel,
  });
  const { chainBits, specialBits, ...literal } = parameters.literal;
  const { specs } = planKeys(program, plan);
  return {
    format: manifestFormat,
    version: manifestVersion,
    digest: rest.digest,
    parameters: { ...literal, chainBits: [...chainBits], specialBits: [...specialBits] },
    parametersDigest: parameters.digest,
    slots: program.slots,
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
    keys: {
      plan: keyPlanDigest(parameters, specs),
      list: tuplesOf(specs),
      ...countKeys(parameters, specs),
    },
    predicted: rest.predicted,
    compile: rest.compile,
    model: rest.model,
    files: { ...rest.files },
  };
}
