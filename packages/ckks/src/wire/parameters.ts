import { ParameterError, WireError } from '../errors/index.ts';
import { Parameters, type ParametersLiteral } from '../scheme/index.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { expectHeader } from './header.ts';
import { describedObject, type WireObject } from './object.ts';
import { reading, type WireSource } from './source.ts';

/** The literal of parameters; the reader chooses the primes again and compares digests. */
export function parametersToWire(parameters: Parameters): WireObject {
  const { logN, scaleBits, chainBits, specialBits, insecure } = parameters.literal;
  const fields = new FieldWriter()
    .u8(logN)
    .u8(scaleBits)
    .u8(insecure ? 1 : 0)
    .u8(chainBits.length)
    .u8(specialBits.length);
  for (const bits of [...chainBits, ...specialBits]) fields.u8(bits);
  return describedObject('parameters', parameters.digest, fields.finish());
}

/**
 * Throws WireError for damaged data, ParameterError for parameters below 128-bit security unless `insecure` accepts
 * them: a stranger's file must not lower the security of what is encrypted here.
 */
export function parametersFromWire(source: WireSource, options: { insecure?: boolean } = {}): Promise<Parameters> {
  return reading(source, 'the parameters', async (from) => {
    const { header } = await expectHeader(from, 'parameters', undefined);
    const fields = new FieldReader(header.description, 'parameters');
    const [logN, scaleBits, flags, chain, special] = [fields.u8(), fields.u8(), fields.u8(), fields.u8(), fields.u8()];
    if (flags > 1) throw new WireError(`the parameters carry unknown flags ${flags}: update cipherformer`);
    const literal: ParametersLiteral = {
      logN,
      chainBits: Array.from({ length: chain }, () => fields.u8()),
      specialBits: Array.from({ length: special }, () => fields.u8()),
      scaleBits,
      ...(flags === 1 ? { insecure: true } : {}),
    };
    fields.end();
    if (header.bodyBytes !== 0) throw new WireError('the parameters claim to have residues: they are damaged');
    const parameters = checked(literal);
    if (parameters.digest !== header.digest) {
      throw new WireError(
        `the parameters' primes give the digest ${parameters.digest.slice(0, 12)}, the header says ${header.digest.slice(0, 12)}: ` +
          'they were made by another release; make them again',
      );
    }
    if (parameters.insecure && !options.insecure) {
      throw new ParameterError(
        'these parameters are below 128-bit security: make secure ones; tests may read them with insecure: true',
      );
    }
    return parameters;
  });
}

function checked(literal: ParametersLiteral): Parameters {
  try {
    return Parameters.from(literal);
  } catch (error) {
    if (error instanceof ParameterError)
      throw new WireError(`the parameters are not valid: ${error.message}`, { cause: error });
    throw error;
  }
}
