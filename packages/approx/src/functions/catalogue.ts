import { doubleDoubleAlgebra, jetAlgebra, numberAlgebra } from './algebra.ts';
import { evaluateExpression, parseExpression } from './expression.ts';
import type { KnownFunction, TargetFunction } from './target.ts';

type Known = Partial<Pick<TargetFunction, 'symmetry' | 'breakpoints' | 'poles' | 'family'>>;

/** A function from an expression: values, double-double values and interval jets all come from the one text. */
export function expressionTarget(text: string, name: string, known: Known = {}): KnownFunction {
  const expression = parseExpression(text);
  return {
    name,
    value: (x) => evaluateExpression(expression, numberAlgebra, x),
    precise: (x) => evaluateExpression(expression, doubleDoubleAlgebra, x),
    jet: (x) => evaluateExpression(expression, jetAlgebra(x.lo.length - 1), x),
    breakpoints: [],
    poles: [],
    ...known,
  };
}

const even = (slope = 0) => ({ parity: 'even', constant: 0, slope }) as const;
const odd = (constant = 0) => ({ parity: 'odd', constant, slope: 0 }) as const;

const entries: ReadonlyArray<readonly [name: string, text: string, known: Known, about: string]> = [
  ['exp', 'exp(x)', { family: 'exp' }, 'exponential'],
  ['erf', 'erf(x)', { symmetry: odd() }, 'error function'],
  ['gelu', 'x*(1+erf(x/sqrt(2)))/2', { symmetry: even(0.5) }, 'GELU, exact (erf) form'],
  [
    'gelu-tanh',
    'x*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))/2',
    { symmetry: even(0.5) },
    'GELU, tanh form (GPT-2 and others)',
  ],
  ['silu', 'x*sigmoid(x)', { symmetry: even(0.5) }, 'SiLU / swish'],
  ['sigmoid', 'sigmoid(x)', { symmetry: odd(0.5) }, 'logistic function'],
  ['tanh', 'tanh(x)', { symmetry: odd() }, 'hyperbolic tangent'],
  ['softplus', 'softplus(x)', { symmetry: even(0.5) }, 'log(1 + exp(x))'],
  ['relu', 'relu(x)', { symmetry: even(0.5), breakpoints: [0], family: 'relu' }, 'max(x, 0)'],
  ['abs', 'abs(x)', { symmetry: even(), breakpoints: [0], family: 'abs' }, '|x|'],
  ['sign', 'sign(x)', { symmetry: odd(), breakpoints: [0], family: 'sign' }, '-1 or 1; leave a gap round 0'],
  ['step', 'step(x)', { symmetry: odd(0.5), breakpoints: [0], family: 'step' }, '0 or 1; leave a gap round 0'],
  ['reciprocal', '1/x', { symmetry: odd(), poles: [0], family: 'reciprocal' }, '1/x'],
  ['rsqrt', '1/sqrt(x)', { poles: [0], family: 'inverse-sqrt' }, '1/sqrt(x), as in LayerNorm'],
  ['sqrt', 'sqrt(x)', { family: 'sqrt' }, 'square root'],
  ['cosine', 'cos(2*pi*x)', { symmetry: even(), family: 'cosine' }, 'cos(2 pi x), as in EvalMod'],
];

const aliases: Readonly<Record<string, string>> = {
  '1/x': 'reciprocal',
  inverse: 'reciprocal',
  '1/sqrt': 'rsqrt',
  '1/sqrt(x)': 'rsqrt',
  'inverse-sqrt': 'rsqrt',
  swish: 'silu',
  heaviside: 'step',
};

/** Names and meanings of the functions known by name. */
export const catalogue: ReadonlyArray<{ readonly name: string; readonly about: string }> = entries.map(
  ([name, , , about]) => ({ name, about }),
);

/** The function of that name or alias, or undefined. */
export function catalogueFunction(name: string): KnownFunction | undefined {
  const wanted = name.trim().toLowerCase();
  const canonical = aliases[wanted] ?? wanted;
  const entry = entries.find(([known]) => known === canonical);
  return entry && expressionTarget(entry[1], entry[0], entry[2]);
}
