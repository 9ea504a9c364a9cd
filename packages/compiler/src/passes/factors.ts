import { LayoutError } from '../errors.ts';
import type { FactorRule } from './meaning.ts';
import { Classes, consumersOf, insertRescale, type Model, operandNumbers } from './model.ts';

/** slot = value * factor (+ the shift of a polynomial's interval). */
export interface Normalised {
  readonly model: Model;
  readonly factors: readonly number[];
}

/** A value and the consumer that wants it at another factor. */
interface Conflict {
  readonly producer: number;
  readonly consumer: number;
}

/**
 * Gives every value a factor, so that slots stay in [-1, 1]: the input of a polynomial gets the scale of its interval,
 * everything else 1 / bound. Linear maps, client inputs and polynomials take any factor for nothing; operands of a sum
 * share one; a product's is the product of its operands'. Only where nothing else can take it, a rescale (one level) is
 * inserted.
 */
export function normalise(model: Model): Normalised {
  let current = model;
  // Every conflict inserts a rescale that takes any factor, so it cannot come back.
  for (let tries = 0; tries <= 2 * model.nodes.length; tries++) {
    const result = new FactorSolver(current).solve();
    if (Array.isArray(result)) return { model: current, factors: result };
    current = insertRescale(current, result.producer, result.consumer);
  }
  throw new LayoutError('no consistent factors for the values of this graph: a cycle of products and sums');
}

class FactorSolver {
  readonly #model: Model;
  readonly #rules: readonly FactorRule[];
  readonly #classes: Classes;
  /** By class: the member that fixes the factor by its operands', if there is one. */
  readonly #derived = new Map<number, number>();
  readonly #fixed = new Map<number, number>();
  readonly #bounds = new Map<number, number>();

  constructor(model: Model) {
    const { nodes, shapes, meanings } = model;
    this.#model = model;
    this.#rules = nodes.map((node, i) => meanings[node.op].factor(node, shapes[i]!));
    this.#classes = new Classes(nodes.length);
  }

  solve(): number[] | Conflict {
    const conflict = this.#joinSums() ?? this.#cycle();
    if (conflict) return conflict;
    const { nodes, meanings } = this.#model;
    for (const [i, { bound }] of nodes.entries()) {
      const of = this.#classes.of(i);
      this.#bounds.set(of, Math.max(this.#bounds.get(of) ?? 0, bound));
    }
    // Asked for, not set: a mask may be a product, whose factor is that of its operands.
    for (const [i, node] of nodes.entries()) {
      const unit = meanings[node.op].unit?.(node);
      if (unit !== undefined && !this.#request(unit, 1)) return { producer: unit, consumer: i };
    }
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      const wanted = meanings[node.op].wanted?.(node);
      if (wanted && !this.#request(wanted.operand, wanted.factor)) return { producer: wanted.operand, consumer: i };
    }
    return nodes.map((_, i) => this.#factor(i));
  }

  /** Values that are added have one factor; two products in one sum are a conflict. */
  #joinSums(): Conflict | undefined {
    for (const [i, rule] of this.#rules.entries()) {
      if (rule.kind !== 'free' && rule.kind !== 'shared') this.#derived.set(this.#classes.of(i), i);
      if (rule.kind !== 'shared') continue;
      for (const operand of rule.operands) {
        const [a, b] = [this.#classes.of(operand), this.#classes.of(i)];
        if (a === b) continue;
        const [fromA, fromB] = [this.#derived.get(a), this.#derived.get(b)];
        if (fromA !== undefined && fromB !== undefined) return { producer: operand, consumer: i };
        this.#classes.join(a, b);
        const derived = fromA ?? fromB;
        if (derived !== undefined) this.#derived.set(this.#classes.of(i), derived);
      }
    }
    return undefined;
  }

  /** A product whose operand depends on the sum that the product is part of. */
  #cycle(): Conflict | undefined {
    const done = new Set<number>();
    const path: number[] = [];
    const visit = (of: number): readonly number[] | undefined => {
      const derived = this.#derived.get(of);
      if (derived === undefined || done.has(of)) return undefined;
      if (path.includes(of)) return path.slice(path.indexOf(of));
      path.push(of);
      for (const operand of this.#factorOperands(derived)) {
        const found = visit(this.#classes.of(operand));
        if (found) return found;
      }
      path.pop();
      done.add(of);
      return undefined;
    };
    const consumers = consumersOf(this.#model);
    for (const of of this.#derived.keys())
      for (const member of visit(of) ?? []) {
        const producer = this.#derived.get(member)!;
        // A product in a class of others is an operand of a sum in it; operands are earlier nodes, so some class has others.
        const consumer = consumers[producer]!.find((reader) => this.#classes.of(reader) === member);
        if (consumer !== undefined) return { producer, consumer };
      }
    return undefined;
  }

  /** The values that a derived factor is made of; one that is 1 is made of none, whatever its node reads. */
  #factorOperands(derived: number): number[] {
    return this.#rules[derived]!.kind === 'one' ? [] : operandNumbers(this.#model.nodes[derived]!);
  }

  /** Fixes free factors so that this value gets the wanted one; false where others have fixed it otherwise. */
  #request(value: number, wanted: number): boolean {
    const of = this.#classes.of(value);
    const fixed = this.#fixed.get(of);
    if (fixed !== undefined) return close(fixed, wanted);
    const derived = this.#derived.get(of);
    if (derived === undefined) {
      this.#fixed.set(of, wanted);
      return true;
    }
    const rule = this.#rules[derived]!;
    switch (rule.kind) {
      case 'product':
        return this.#requestProduct(rule.kept, rule.changed, wanted);
      case 'multiple':
        return this.#request(rule.operand, wanted / rule.times);
      default:
        return close(1, wanted);
    }
  }

  #requestProduct(kept: number, changed: number, wanted: number): boolean {
    if (this.#classes.of(kept) === this.#classes.of(changed)) return this.#request(kept, Math.sqrt(wanted));
    return this.#request(changed, wanted / this.#factor(kept));
  }

  /** The factor of a value; free ones are fixed by their bounds, those of products so that the product fits, too. */
  #factor(value: number): number {
    const of = this.#classes.of(value);
    const fixed = this.#fixed.get(of);
    if (fixed !== undefined) return fixed;
    const derived = this.#derived.get(of);
    const factor = derived === undefined ? this.#freeFactor(of) : this.#derivedFactor(derived);
    this.#fixed.set(of, factor);
    return factor;
  }

  #freeFactor(of: number): number {
    const bound = this.#bounds.get(of)!;
    return bound > 0 ? 1 / bound : 1;
  }

  #derivedFactor(derived: number): number {
    const rule = this.#rules[derived]!;
    switch (rule.kind) {
      case 'product':
        return this.#productFactor(rule.kept, rule.changed, this.#bounds.get(this.#classes.of(derived))!);
      case 'multiple':
        return this.#factor(rule.operand) * rule.times;
      default:
        return 1;
    }
  }

  /** left * right; where the right one is still free, it is lowered until the product's bound fits. */
  #productFactor(left: number, right: number, bound: number): number {
    const leftFactor = this.#factor(left);
    const of = this.#classes.of(right);
    if (!this.#fixed.has(of) && !this.#derived.has(of) && bound > 0)
      this.#fixed.set(of, Math.min(this.#freeFactor(of), 1 / (bound * leftFactor)));
    return leftFactor * this.#factor(right);
  }
}

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.abs(b);
}
