import { ExpressionError, OptionError } from '../errors.ts';
import { catalogue, catalogueFunction, expressionTarget } from './catalogue.ts';
import type { TargetFunction } from './target.ts';

/** A catalogue name, an expression in x, any JavaScript function, or a described function (for example a table). */
export type FunctionInput = string | ((x: number) => number) | TargetFunction;

/** @throws ExpressionError when a string is neither a catalogue name nor a readable expression */
export function toTarget(input: FunctionInput): TargetFunction {
  if (typeof input === 'string') return catalogueFunction(input) ?? fromExpression(input);
  if (typeof input === 'function')
    return { name: input.name || 'user function', value: input, breakpoints: [], poles: [] };
  if (typeof input?.value !== 'function')
    throw new OptionError('fn has to be a catalogue name, an expression in x, a function of a number, or a table');
  return input;
}

function fromExpression(text: string): TargetFunction {
  if (/^[a-z][a-z0-9_-]*$/i.test(text.trim()) && text.trim() !== 'x')
    throw new ExpressionError(
      `there is no function named "${text}"; known are ${catalogue.map(({ name }) => name).join(', ')}, or give an expression in x such as "x*sigmoid(2*x)"`,
    );
  return expressionTarget(text, text.trim());
}
