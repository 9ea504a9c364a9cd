import type { KernelArgument } from './backend.ts';
import { Op } from './operations.ts';

/** The work of kernel calls in the units costs are counted in. */
export interface Work {
  /** Limb NTTs, forward and inverse. */
  readonly transforms: number;
  /** Inner products with a switching key: each reads one. */
  readonly keySwitches: number;
}

const none: Work = { transforms: 0, keySwitches: 0 };
const lengthOf = (argument: KernelArgument | undefined) => (Array.isArray(argument) ? argument.length : 0);
const numberOf = (argument: KernelArgument | undefined) => (typeof argument === 'number' ? argument : 0);

/** Transforms that extend digits of these sizes over q and the special primes: native/ops/basis.hpp, DigitExtension. */
function extension(q: number, special: number, sizes: KernelArgument | undefined): number {
  const digits = Array.isArray(sizes) ? (sizes as readonly number[]) : [];
  return q + digits.reduce((sum, size) => sum + q + special - size, 0);
}

/** Counts one call from its arguments, in the order that native/ops reads them. */
export function workOf(op: Op, args: readonly KernelArgument[]): Work {
  switch (op) {
    case Op.nttForward:
    case Op.nttInverse:
      return { transforms: lengthOf(args[3]), keySwitches: 0 };
    case Op.divide:
      return { transforms: (lengthOf(args[1]) + lengthOf(args[2])) * numberOf(args[3]), keySwitches: 0 };
    case Op.decompose:
      return { transforms: extension(lengthOf(args[3]), lengthOf(args[4]), args[5]), keySwitches: 0 };
    case Op.raise:
      return { transforms: 1 + lengthOf(args[4]), keySwitches: 0 };
    case Op.innerProduct:
    case Op.innerProductAccumulate:
      return { transforms: 0, keySwitches: 1 };
    case Op.keySwitch: {
      const [q, special] = [lengthOf(args[10]), lengthOf(args[11])];
      return { transforms: extension(q, special, args[12]) + 2 * (q + special), keySwitches: 1 };
    }
    case Op.linearBabySteps: {
      const stepsAt = 5 + 4 * numberOf(args[1]);
      const babySteps = numberOf(args[stepsAt]);
      let keySwitches = 0;
      for (let i = 0; i < babySteps; i++) if (numberOf(args[stepsAt + 2 + 4 * i]) !== 1) keySwitches += 1;
      return { transforms: 0, keySwitches };
    }
    case Op.encode:
      return { transforms: lengthOf(args[6]), keySwitches: 0 };
    case Op.encodeMany:
      return { transforms: lengthOf(args[3]) * numberOf(args[4]), keySwitches: 0 };
    case Op.decode:
      return { transforms: lengthOf(args[6]), keySwitches: 0 };
    case Op.sampleSmall:
      return { transforms: lengthOf(args[6]), keySwitches: 0 };
    case Op.encryptZero:
      return { transforms: 4 + 3 * lengthOf(args[7]), keySwitches: 0 };
    case Op.generateKeyDigit:
      return { transforms: lengthOf(args[9]) + lengthOf(args[10]), keySwitches: 0 };
    default:
      return none;
  }
}
