import { WireError } from '../errors/index.ts';
import { Parameters, type ParametersLiteral, type SecurityOptions } from '../scheme/index.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { expectHeader } from './header.ts';
import { describedObject, type WireObject } from './object.ts';
import { reading, type WireSource } from './source.ts';

/** Stands between the scale and the lengths. An older release said here whether to accept less than 128-bit security. */
const reserved = 0;

/** The literal of parameters; the reader chooses the primes again, compares digests and judges the security itself. */
export function parametersToWire(parameters: Parameters): WireObject {
  const { logN, scaleBits, chainBits, specialBits } = parameters.literal;
  const fields = new FieldWriter().u8(logN).u8(scaleBits).u8(reserved).u8(chainBits.length).u8(specialBits.length);
  for (const bits of [...chainBits, ...specialBits]) fields.u8(bits);
  return describedObject('parameters', parameters.digest, fields.finish());
}

/**
 * @throws WireError for damaged data, ParameterError for parameters that do not exist, and for parameters below 128-bit
 * security unless the caller accepts them: a stranger's file must not lower the security of what is encrypted here
 */
export function parametersFromWire(source: WireSource, options: SecurityOptions = {}): Promise<Parameters> {
  return reading(source, 'the parameters', async (from) => {
    const { header } = await expectHeader(from, 'parameters', undefined);
    const fields = new FieldReader(header.description, 'parameters');
    const [logN, scaleBits, unused, chain, special] = [fields.u8(), fields.u8(), fields.u8(), fields.u8(), fields.u8()];
    if (unused !== reserved)
      throw new WireError(
        `the parameters have ${unused} in a byte that has to be 0: they are damaged, or say that they are insecure as an older release did; make them again`,
      );
    const literal: ParametersLiteral = {
      logN,
      chainBits: Array.from({ length: chain }, () => fields.u8()),
      specialBits: Array.from({ length: special }, () => fields.u8()),
      scaleBits,
    };
    fields.end();
    if (header.bodyBytes !== 0) throw new WireError('the parameters claim to have residues: they are damaged');
    const parameters = Parameters.from(literal, options);
    if (parameters.digest !== header.digest) {
      throw new WireError(
        `the parameters' primes give the digest ${parameters.digest.slice(0, 12)}, the header says ${header.digest.slice(0, 12)}: ` +
          'they were made by another release; make them again',
      );
    }
    return parameters;
  });
}
