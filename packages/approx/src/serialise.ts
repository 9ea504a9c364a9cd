import { type Approximation, type Method, methods, programPolynomial } from './approximation.ts';
import type { GrowthSide } from './certificate/behaviour.ts';
import type { ErrorBound } from './certificate/bound.ts';
import { type Certificate, type ErrorKind, errorKinds } from './certificate/certificate.ts';
import { ApproxError, SchemaError } from './errors.ts';
import { type Domain, toDomain } from './interval.ts';
import { maxDegree } from './polynomial.ts';
import { type Program, programCost, type Step } from './program/program.ts';

/** Version of the stored form; readers refuse others. */
export const approximationFormat = 'cipherformer/approximation@1';

/** More steps than any approximation needs; a bound on what a hostile file can ask for. */
const maxSteps = 1000;

/** The approximation as plain JSON values. The cost is left out: it follows from the program. */
export function toJSON(a: Approximation): Record<string, unknown> {
  return {
    format: approximationFormat,
    function: a.functionName,
    domain: a.domain,
    method: a.method,
    description: a.description,
    program: a.program,
    certificate: a.certificate,
  };
}

/** Reads what `toJSON` wrote, checking every field. @throws SchemaError with the path of what is wrong */
export function fromJSON(value: unknown): Approximation {
  const record = object(value, 'approximation');
  if (record.format !== approximationFormat)
    throw new SchemaError(`approximation.format is ${brief(record.format)}: this version reads ${approximationFormat}`);
  const program = programFromJSON(record.program, 'approximation.program');
  const polynomial = programPolynomial(program);
  return {
    functionName: string(record.function, 'approximation.function'),
    domain: readDomain(record.domain, 'approximation.domain'),
    method: oneOf<Method>(record.method, methods, 'approximation.method'),
    description: string(record.description, 'approximation.description'),
    program,
    ...(polynomial && { polynomial }),
    certificate: readCertificate(record.certificate, 'approximation.certificate'),
    cost: programCost(program),
  };
}

/** Checks a program read from JSON (its JSON form is itself). @throws SchemaError with the path of what is wrong */
export function programFromJSON(value: unknown, path = 'program'): Program {
  const record = object(value, path);
  const [interval, ...rest] = readDomain([record.interval], `${path}.interval`);
  if (interval === undefined || rest.length > 0) throw new SchemaError(`${path}.interval has to be one interval`);
  const steps = array(record.steps, `${path}.steps`, 1, maxSteps).map((step, i) =>
    readStep(step, i, `${path}.steps[${i}]`),
  );
  return { interval, steps };
}

function readStep(value: unknown, index: number, path: string): Step {
  const record = object(value, path);
  const operand = (key: string, from: Record<string, unknown> = record, at = path): number => {
    const n = from[key];
    if (typeof n !== 'number' || !Number.isInteger(n) || n < 0 || n > index)
      throw new SchemaError(`${at}.${key} has to name an earlier value, 0 to ${index}`);
    return n;
  };
  switch (record.op) {
    case 'affine':
      return {
        op: 'affine',
        terms: array(record.terms, `${path}.terms`, 0, maxSteps).map((term, i) => {
          const at = `${path}.terms[${i}]`;
          const t = object(term, at);
          return { value: operand('value', t, at), factor: number(t.factor, `${at}.factor`) };
        }),
        offset: number(record.offset, `${path}.offset`),
      };
    case 'polynomial':
      return {
        op: 'polynomial',
        value: operand('value'),
        coefficients: array(record.coefficients, `${path}.coefficients`, 1, maxDegree + 1).map((c, i) =>
          number(c, `${path}.coefficients[${i}]`),
        ),
      };
    case 'product':
      return { op: 'product', left: operand('left'), right: operand('right') };
    case 'square':
      return { op: 'square', value: operand('value') };
    default:
      throw new SchemaError(`${path}.op is ${brief(record.op)}: use affine, polynomial, product or square`);
  }
}

function readCertificate(value: unknown, path: string): Certificate {
  const c = object(value, path);
  const growth = object(c.growth, `${path}.growth`);
  const density = c.density === undefined ? undefined : object(c.density, `${path}.density`);
  return {
    errorKind: oneOf<ErrorKind>(c.errorKind, errorKinds, `${path}.errorKind`),
    error: readBound(c.error, `${path}.error`),
    absolute: readBound(c.absolute, `${path}.absolute`),
    ...(c.optimum !== undefined && { optimum: number(c.optimum, `${path}.optimum`) }),
    alternation: array(c.alternation, `${path}.alternation`, 0, 2 * maxDegree + 4).map((p, i) => {
      const at = `${path}.alternation[${i}]`;
      const point = object(p, at);
      return { x: number(point.x, `${at}.x`), error: number(point.error, `${at}.error`) };
    }),
    ...(density && {
      density: {
        rms: number(density.rms, `${path}.density.rms`),
        outside: number(density.outside, `${path}.density.outside`),
      },
    }),
    conditioning: number(c.conditioning, `${path}.conditioning`),
    growth: {
      left: readGrowth(growth.left, `${path}.growth.left`),
      right: readGrowth(growth.right, `${path}.growth.right`),
    },
    rounding: array(c.rounding, `${path}.rounding`, 0, 64).map((r, i) => {
      const at = `${path}.rounding[${i}]`;
      const effect = object(r, at);
      return {
        scaleBits: number(effect.scaleBits, `${at}.scaleBits`),
        change: number(effect.change, `${at}.change`),
      };
    }),
    notes: array(c.notes, `${path}.notes`, 0, 64).map((n, i) => string(n, `${path}.notes[${i}]`)),
  };
}

function readBound(value: unknown, path: string): ErrorBound {
  const b = object(value, path);
  return {
    bound: number(b.bound, `${path}.bound`),
    measured: number(b.measured, `${path}.measured`),
    measuredAt: number(b.measuredAt, `${path}.measuredAt`),
    method: oneOf<ErrorBound['method']>(b.method, ['proved', 'sampled'], `${path}.method`),
    safety: number(b.safety, `${path}.safety`),
  };
}

function readGrowth(value: unknown, path: string): GrowthSide {
  const side = object(value, path);
  const crossing = (key: 'doublesAt' | 'explodesAt') =>
    side[key] === null ? null : number(side[key], `${path}.${key}`);
  return { doublesAt: crossing('doublesAt'), explodesAt: crossing('explodesAt') };
}

function readDomain(value: unknown, path: string): Domain {
  const intervals = array(value, path, 1, 1024).map((part, i) => {
    const [lo, hi] = array(part, `${path}[${i}]`, 2, 2);
    return [number(lo, `${path}[${i}][0]`), number(hi, `${path}[${i}][1]`)] as const;
  });
  try {
    return toDomain(intervals);
  } catch (error) {
    if (error instanceof ApproxError) throw new SchemaError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A value for a message: as JSON without the characters that a terminal obeys, cut short. */
function brief(value: unknown): string {
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value) ?? String(value);
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return cut.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SchemaError(`${path} has to be an object`);
  return value as Record<string, unknown>;
}

function array(value: unknown, path: string, least: number, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length < least || value.length > most)
    throw new SchemaError(`${path} has to be a list of ${least} to ${most} entries`);
  return value;
}

function number(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new SchemaError(`${path} has to be a finite number`);
  return value;
}

function string(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new SchemaError(`${path} has to be a string`);
  return value;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], path: string): T {
  const found = allowed.find((v) => v === value);
  if (found === undefined) throw new SchemaError(`${path} has to be one of ${allowed.join(', ')}`);
  return found;
}
