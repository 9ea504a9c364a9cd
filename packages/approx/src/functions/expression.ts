import { ExpressionError } from '../errors.ts';
import { type Algebra, type Primitive, primitives } from './algebra.ts';

/** A parsed expression in x. */
export type Expression =
  | { readonly kind: 'x' }
  | { readonly kind: 'pi' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'negate'; readonly of: Expression }
  | { readonly kind: 'call'; readonly name: Primitive; readonly of: Expression }
  | { readonly kind: 'power'; readonly of: Expression; readonly exponent: number }
  | {
      readonly kind: 'binary';
      readonly op: '+' | '-' | '*' | '/';
      readonly left: Expression;
      readonly right: Expression;
    };

const tokenPattern = /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-z_][a-z_0-9]*)|([-+*/^(),]))/iy;

interface Token {
  readonly text: string;
  readonly kind: 'number' | 'name' | 'mark' | 'end';
  readonly at: number;
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  let at = 0;
  while (at < text.trimEnd().length) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text);
    if (!match)
      throw new ExpressionError(
        `"${text}" is not a function of the catalogue, and as an expression in x it cannot be read at "${text.slice(at).trim()}"`,
      );
    const [whole, number, name, mark] = match;
    const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : 'mark';
    tokens.push({ text: (number ?? name ?? mark)!, kind, at });
    at += whole.length;
  }
  tokens.push({ text: 'the end', kind: 'end', at: text.length });
  return tokens;
}

/**
 * Reads an expression in x: numbers, pi, + - * / ^ (whole exponents; ** too), brackets and the functions of
 * `primitives`. @throws ExpressionError with the position
 */
export function parseExpression(text: string): Expression {
  const tokens = tokenise(text.replaceAll('**', '^'));
  let position = 0;
  const peek = () => tokens[position]!;
  const next = () => tokens[position++]!;
  const fail = (token: Token, wanted: string): never => {
    throw new ExpressionError(
      `"${text}": ${wanted} was expected at "${token.text}" (character ${token.at + 1}); expressions use x, numbers, pi, + - * / ^, brackets and ${primitives.join(', ')}`,
    );
  };
  const expect = (mark: string) => {
    const token = next();
    if (token.text !== mark) fail(token, `"${mark}"`);
  };

  const sum = (): Expression => {
    let left = product();
    while (peek().text === '+' || peek().text === '-') {
      const op = next().text as '+' | '-';
      left = { kind: 'binary', op, left, right: product() };
    }
    return left;
  };
  const product = (): Expression => {
    let left = signed();
    while (peek().text === '*' || peek().text === '/') {
      const op = next().text as '*' | '/';
      left = { kind: 'binary', op, left, right: signed() };
    }
    return left;
  };
  const signed = (): Expression => {
    if (peek().text === '-') {
      next();
      return { kind: 'negate', of: signed() };
    }
    return power();
  };
  const power = (): Expression => {
    const base = atom();
    if (peek().text !== '^') return base;
    next();
    const minus = peek().text === '-';
    if (minus) next();
    const token = next();
    const exponent = Number(token.text);
    if (token.kind !== 'number' || !Number.isInteger(exponent) || exponent > 64)
      fail(token, 'a whole exponent of at most 64 (write exp(a*log(x)) for others)');
    const raised: Expression = { kind: 'power', of: base, exponent };
    return minus ? { kind: 'binary', op: '/', left: { kind: 'number', value: 1 }, right: raised } : raised;
  };
  const atom = (): Expression => {
    const token = next();
    if (token.kind === 'number') return { kind: 'number', value: Number(token.text) };
    if (token.text === 'x') return { kind: 'x' };
    if (token.text === 'pi') return { kind: 'pi' };
    if (token.text === '(') {
      const inner = sum();
      expect(')');
      return inner;
    }
    const name = primitives.find((p) => p === token.text);
    if (name === undefined) return fail(token, 'x, a number, a bracket or a known function');
    expect('(');
    const of = sum();
    expect(')');
    return { kind: 'call', name, of };
  };

  const expression = sum();
  if (peek().kind !== 'end') fail(peek(), 'an operator or the end');
  return expression;
}

/** The value of an expression in any algebra. */
export function evaluateExpression<T>(expression: Expression, algebra: Algebra<T>, x: T): T {
  const walk = (e: Expression): T => {
    switch (e.kind) {
      case 'x':
        return x;
      case 'pi':
        return algebra.pi();
      case 'number':
        return algebra.constant(e.value);
      case 'negate':
        return algebra.negate(walk(e.of));
      case 'call':
        return algebra.functions[e.name](walk(e.of));
      case 'power':
        return algebra.power(walk(e.of), e.exponent);
      case 'binary': {
        const left = walk(e.left);
        const right = walk(e.right);
        if (e.op === '+') return algebra.add(left, right);
        if (e.op === '-') return algebra.subtract(left, right);
        return e.op === '*' ? algebra.multiply(left, right) : algebra.divide(left, right);
      }
    }
  };
  return walk(expression);
}
