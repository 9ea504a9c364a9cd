import { ParameterError, Parameters, type SecurityOptions } from '@cipherformer/ckks';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import { FileError } from '../errors.ts';
import { checkManifest } from './manifest-check.ts';
import { manifestSchema, maxManifestBytes, type ProgramManifest } from './manifest-schema.ts';

export { keySpecsOf, mapOf, type ProgramManifest, stepManifest } from './manifest-schema.ts';

/**
 * Checks a manifest, for a client that does not trust who wrote it: what it asks for is legal, whatever it says.
 * @throws FileError that names the field, for parameters below 128-bit security too unless the caller accepts them: otherwise
 * whoever hands a client a manifest would choose its security. `where` is the file's name
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

/** @throws ParameterError for parameters that are inconsistent, or below 128-bit security unless the caller accepts them */
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
