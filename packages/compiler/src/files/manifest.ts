import { BootstrapPlan, ParameterError, Parameters, type SecurityOptions } from '@cipherformer/ckks';
import { type KeyPlan, planKeys } from '../backends/key-plan.ts';
import { CanonicalScales } from '../backends/scales.ts';
import { FileError } from '../errors.ts';
import type { EncryptedProgram } from '../program/instructions.ts';
import { parseForeignJson } from './foreign-json.ts';
import { checkManifest } from './manifest-check.ts';
import {
  manifestFormat,
  manifestSchema,
  manifestVersion,
  maxManifestBytes,
  type ProgramManifest,
} from './manifest-schema.ts';
import { toRuns } from './runs.ts';

export { batchOf, mapOf, type ProgramManifest } from './manifest-schema.ts';

export interface ManifestSource {
  readonly digest: string;
  readonly parameters: Parameters;
  readonly program: EncryptedProgram;
  readonly predicted: ProgramManifest['predicted'];
  readonly compile: ProgramManifest['compile'];
  readonly model: ProgramManifest['model'];
}

/** The manifest of a compiled program, its key set included. */
export function makeManifest({ parameters, program, ...rest }: ManifestSource): ProgramManifest {
  const plan = new BootstrapPlan(parameters);
  const scales = new CanonicalScales(parameters, plan.outputLevel);
  const { chainBits, specialBits, ...literal } = parameters.literal;
  const { galois, relinearisations, ...keys } = planKeys(program, plan);
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
    outputs: program.outputs.map(({ register: _, slots, ...output }) => ({ ...output, slots: toRuns(slots) })),
    keys: { ...keys, galois: [...galois], relinearisations: [...relinearisations] },
    predicted: rest.predicted,
    compile: rest.compile,
    model: rest.model,
  };
}

/**
 * Checks a manifest, for a client that does not trust who wrote it: what it asks for is legal, whatever it says.
 * Throws FileError that names the field, for parameters below 128-bit security too unless the caller accepts them: otherwise
 * whoever hands a client a manifest would choose its security. `where` is the file's name.
 */
export function parseManifest(
  source: string | Uint8Array,
  where: string,
  security: SecurityOptions = {},
): ProgramManifest {
  const manifest = parseForeignJson(source, {
    schema: manifestSchema,
    maxBytes: maxManifestBytes,
    refuse: (what) => new FileError(`${where} is no manifest of a program: it ${what}`),
  });
  const parameters = usable(manifest, where, security);
  if (parameters.digest !== manifest.parametersDigest)
    throw new FileError(
      `${where} lists parameters ${parameters.digest.slice(0, 12)} and claims ${manifest.parametersDigest.slice(0, 12)}: it is damaged, or of another release`,
    );
  checkManifest(manifest, parameters, where);
  return manifest;
}

/** Throws ParameterError for parameters that are inconsistent, or below 128-bit security unless the caller accepts them. */
export function parametersOf({ parameters }: ProgramManifest, security: SecurityOptions = {}): Parameters {
  return Parameters.from(parameters, security);
}

function usable(manifest: ProgramManifest, where: string, security: SecurityOptions): Parameters {
  try {
    return parametersOf(manifest, security);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new FileError(`do not use ${where}, its parameters are refused: ${error.message}`, { cause: error });
  }
}

export function keyPlanOf({ keys }: ProgramManifest): KeyPlan {
  return keys;
}
