import { OperandError } from '../../errors/index.ts';
import { type Kernels, type LoadOptions, loadKernels } from '../../kernels/index.ts';
import { Ring } from '../../ring/index.ts';
import type { Parameters } from './parameters.ts';
import type { SecurityOptions } from './security.ts';

/** Parameters together with a ring on loaded kernels: what every other object of the scheme holds on to. */
export class Context implements Disposable {
  readonly parameters: Parameters;
  readonly kernels: Kernels;
  readonly ring: Ring;

  /** @throws ParameterError for parameters below 128-bit security, unless the caller accepts them here too */
  constructor(parameters: Parameters, kernels: Kernels, security: SecurityOptions = {}) {
    parameters.requireSecurity(security);
    this.parameters = parameters;
    this.kernels = kernels;
    this.ring = new Ring(kernels, parameters.logN, parameters.primes);
  }

  /**
   * Loads the fastest kernels, or those of `options`.
   * @throws KernelError where none can be loaded, ParameterError as the constructor
   */
  static async create(
    parameters: Parameters,
    { insecure, ...load }: LoadOptions & SecurityOptions = {},
  ): Promise<Context> {
    parameters.requireSecurity({ insecure });
    return new Context(parameters, await loadKernels(load), { insecure });
  }

  /** Asks for a context of the same parameters and kernels. @throws OperandError for another */
  require(other: Context, what: string): void {
    if (other !== this && other.parameters.digest !== this.parameters.digest) {
      throw new OperandError(
        `${what} belongs to parameters ${other.parameters.digest.slice(0, 12)}, this is ${this.parameters.digest.slice(0, 12)}: ` +
          'use operands and keys of one parameter set',
      );
    }
    if (other.kernels !== this.kernels)
      throw new OperandError(`${what} lives in another kernel instance: create one Context and share it`);
  }

  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
  }
}
