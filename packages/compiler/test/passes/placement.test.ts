import { describe, expect, it } from 'vitest';
import { PlacementError } from '../../src/errors.ts';
import type { CipherTensor, Group, Lowered } from '../../src/passes/groups.ts';
import { type GroupCost, placeBootstraps } from '../../src/passes/placement.ts';
import type { BootstrapPricing } from '../../src/plan/machine.ts';
import { Numbers } from './graphs.ts';

/** A machine of few levels, so that every choice can be tried. A pair costs as much as one and a half alone. */
const machine: BootstrapPricing = {
  ...{ bootstrapInputLevel: 1, bootstrapOutputLevel: 5, inputLevel: 5 },
  bootstrapSeconds: pairs(1),
};

function pairs(single: number): BootstrapPricing['bootstrapSeconds'] {
  return (ciphertexts) => single * (1.5 * Math.floor(ciphertexts / 2) + (ciphertexts % 2));
}

interface Problem {
  readonly lowered: Lowered;
  readonly cost: GroupCost;
}

/** Whole numbers below a bound, from a seed. */
function wholes(numbers: Numbers): (below: number) => number {
  return (below) => Math.min(below - 1, Math.floor(((numbers.next() + 1) / 2) * below));
}

/** Random groups, each of one or two of the latest values; the last one is the output. */
function randomChain(seed: number, groups: number): Problem {
  const numbers = new Numbers(seed);
  const whole = wholes(numbers);
  const tensors: CipherTensor[] = [{ name: 'input', ciphertexts: 1 + whole(2), refreshable: true }];
  const list: Group[] = [];
  for (let g = 0; g < groups; g++) {
    const latest = tensors.length - 1;
    const other = Math.max(0, latest - whole(3));
    const operands = [{ tensor: latest, above: whole(4) }];
    if (other !== latest) operands.push({ tensor: other, above: whole(3) });
    tensors.push({ name: `value ${g}`, ciphertexts: 1 + whole(3), refreshable: numbers.next() > -0.7 });
    list.push({ source: `group ${g}`, operands, results: [tensors.length - 1], emit: () => [] });
  }
  const weights = list.map(() => (numbers.next() + 1.1) / 4);
  const output = { tensor: tensors.length - 1, reads: [], factor: 1, limit: 1, period: 1 };
  const inputs = [{ tensor: 0, name: 'input', factor: 1, sources: [] }];
  return { lowered: { tensors, groups: list, inputs, output }, cost: (g, level) => weights[g]! * (level + 1) };
}

/** As few or many values read by each group, several results, two inputs, a sentinel, costs that rise in steps or not at all. */
function randomGraph(seed: number, groups: number): Problem {
  const numbers = new Numbers(seed);
  const whole = wholes(numbers);
  const tensor = (name: string): CipherTensor => ({ name, ciphertexts: 1 + whole(3), refreshable: whole(5) > 0 });
  const tensors: CipherTensor[] = [tensor('input 0'), tensor('input 1')];
  const list = Array.from({ length: groups }, (_, g): Group => {
    const read = new Set(Array.from({ length: 1 + whole(3) }, () => whole(tensors.length)));
    read.add(tensors.length - 1);
    const results = Array.from(
      { length: 1 + (whole(4) === 0 ? 1 : 0) },
      () => tensors.push(tensor(`value ${tensors.length}`)) - 1,
    );
    const operands = [...read].map((one) => ({ tensor: one, above: whole(4) }));
    return { source: `group ${g}`, operands, results, emit: () => [] };
  });
  const inputs = [0, 1].map((one) => ({ tensor: one, name: tensors[one]!.name, factor: 1, sources: [] }));
  const output = { tensor: tensors.length - 1, reads: [], factor: 1, limit: 1, period: 1 };
  const watched = {
    squarings: 1,
    limit: 1,
    slots: Int32Array.of(0),
    level: 1,
    tensor: whole(3) === 0 ? undefined : tensors.length - 2,
  };
  const costs = list.map(() => {
    let sum = 0;
    return Array.from({ length: 12 }, () => (sum += whole(3) / 8));
  });
  return {
    lowered: { tensors, groups: list, inputs, output, sentinel: watched },
    cost: (g, level) => costs[g]![level]!,
  };
}

/**
 * The least seconds by trying everything, forwards: before each group any set of live values is refreshed, and the group
 * may work at any level its operands allow. Knows nothing of needs or dominance.
 */
function byTryingEverything(
  { tensors, groups, inputs, output, sentinel }: Lowered,
  cost: GroupCost,
  on = machine,
): number {
  const known = new Map<string, number>();
  const kept = new Map([[output.tensor, 0]]);
  if (sentinel?.tensor !== undefined) kept.set(sentinel.tensor, sentinel.level);
  const best = (g: number, levels: ReadonlyMap<number, number>): number => {
    if (g === groups.length) return [...kept].every(([tensor, level]) => levels.get(tensor)! >= level) ? 0 : Number.POSITIVE_INFINITY; // biome-ignore format: the end
    const live = [...levels].filter(
      ([tensor]) =>
        kept.has(tensor) || groups.slice(g).some(({ operands }) => operands.some((o) => o.tensor === tensor)),
    );
    const key = `${g}: ${live.join(' ')}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let least = Number.POSITIVE_INFINITY;
    for (let set = 0; set < 2 ** live.length; set++) {
      const chosen = live.filter((_, i) => (set >> i) & 1);
      const allowed = chosen.every(
        ([tensor, level]) => tensors[tensor]!.refreshable && level >= on.bootstrapInputLevel,
      );
      if (!allowed) continue;
      const ciphertexts = chosen.reduce((sum, [tensor]) => sum + tensors[tensor]!.ciphertexts, 0);
      const at = new Map(live);
      for (const [tensor] of chosen) at.set(tensor, on.bootstrapOutputLevel);
      const { operands, results } = groups[g]!;
      const top = Math.min(...operands.map(({ tensor, above }) => at.get(tensor)! - above));
      for (let level = 0; level <= top; level++) {
        const after = new Map(at);
        for (const tensor of results) after.set(tensor, level);
        least = Math.min(least, on.bootstrapSeconds(ciphertexts) + cost(g, level) + best(g + 1, after));
      }
    }
    known.set(key, least);
    return least;
  };
  return best(0, new Map(inputs.map(({ tensor }) => [tensor, on.inputLevel])));
}

/** Walks a placement forwards: every value at or above what reads it, refreshed where it may be, seconds as they add up. */
function expectSound({ lowered, cost }: Problem, on: BootstrapPricing): number {
  const { tensors, groups, inputs, output, sentinel } = lowered;
  const { levels, refreshed, inputLevels, seconds } = placeBootstraps(lowered, on, cost);
  const at = new Map(inputs.map(({ tensor }) => [tensor, inputLevels.get(tensor)!]));
  for (const level of at.values()) expect(level).toBeLessThanOrEqual(on.inputLevel);
  let sum = 0;
  for (const [g, { operands, results }] of groups.entries()) {
    const fresh = refreshed[g]!;
    expect(new Set(fresh).size).toBe(fresh.length);
    // A bootstrap stands before a group that reads what it refreshes.
    if (fresh.length > 0) expect(operands.some(({ tensor }) => fresh.includes(tensor))).toBe(true);
    for (const tensor of fresh) {
      expect(tensors[tensor]!.refreshable).toBe(true);
      expect(at.get(tensor)).toBeGreaterThanOrEqual(on.bootstrapInputLevel);
      at.set(tensor, on.bootstrapOutputLevel);
    }
    sum +=
      on.bootstrapSeconds(fresh.reduce((total, tensor) => total + tensors[tensor]!.ciphertexts, 0)) +
      cost(g, levels[g]!);
    for (const { tensor, above } of operands) expect(at.get(tensor)).toBeGreaterThanOrEqual(levels[g]! + above);
    for (const tensor of results) at.set(tensor, levels[g]!);
  }
  expect(at.get(output.tensor)).toBeGreaterThanOrEqual(0);
  if (sentinel?.tensor !== undefined) expect(at.get(sentinel.tensor)).toBeGreaterThanOrEqual(sentinel.level);
  expect(sum).toBeCloseTo(seconds, 9);
  return seconds;
}

/** Refreshes every operand that is too low, and nothing else; groups work as high as they can. */
function greedily({ tensors, groups, inputs }: Lowered, cost: GroupCost): number {
  const levels = new Map(inputs.map(({ tensor }) => [tensor, machine.inputLevel]));
  let seconds = 0;
  for (const [g, { operands, results }] of groups.entries()) {
    // The result has to reach a bootstrap.
    const low = operands.filter(({ tensor, above }) => levels.get(tensor)! - above < machine.bootstrapInputLevel);
    if (low.some(({ tensor }) => !tensors[tensor]!.refreshable)) return Number.POSITIVE_INFINITY;
    seconds += machine.bootstrapSeconds(low.reduce((sum, { tensor }) => sum + tensors[tensor]!.ciphertexts, 0));
    for (const { tensor } of low) levels.set(tensor, machine.bootstrapOutputLevel);
    const level = Math.min(...operands.map(({ tensor, above }) => levels.get(tensor)! - above));
    if (level < machine.bootstrapInputLevel) return Number.POSITIVE_INFINITY;
    seconds += cost(g, level);
    for (const tensor of results) levels.set(tensor, level);
  }
  return seconds;
}

function isRefused({ lowered, cost }: Problem, on: BootstrapPricing): boolean {
  try {
    placeBootstraps(lowered, on, cost);
    return false;
  } catch (error) {
    if (error instanceof PlacementError) return true;
    throw error;
  }
}

describe('placement of bootstraps', () => {
  it('costs what trying everything costs, on 60 random chains', () => {
    let feasible = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { lowered, cost } = randomChain(seed, 5);
      const least = byTryingEverything(lowered, cost);
      if (!Number.isFinite(least)) {
        expect(() => placeBootstraps(lowered, machine, cost)).toThrow(/levels/);
        continue;
      }
      feasible++;
      expect(placeBootstraps(lowered, machine, cost).seconds).toBeCloseTo(least, 9);
    }
    expect(feasible).toBeGreaterThan(30);
  });

  it('is never worse than refreshing what is too low, and mostly better, on 40 chains of 30 groups', () => {
    let better = 0;
    for (let seed = 100; seed < 140; seed++) {
      const { lowered, cost } = randomChain(seed, 30);
      const greedy = greedily(lowered, cost);
      if (!Number.isFinite(greedy)) continue;
      const { seconds } = placeBootstraps(lowered, machine, cost);
      expect(seconds).toBeLessThanOrEqual(greedy + 1e-9);
      if (seconds < greedy - 1e-9) better++;
    }
    expect(better).toBeGreaterThan(0);
  });

  it.each([
    ['levels of bootstraps from 1 to 5, clients at 5', machine],
    ['clients above bootstraps', { ...machine, bootstrapOutputLevel: 4, inputLevel: 6 }],
    ['clients below bootstraps', { ...machine, inputLevel: 3 }],
    ['bootstraps that begin at 0', { ...machine, bootstrapInputLevel: 0, bootstrapOutputLevel: 4 }],
    ['bootstraps from 2, far dearer than groups', { ...machine, bootstrapInputLevel: 2, bootstrapSeconds: pairs(10) }],
    ['bootstraps for nothing', { ...machine, bootstrapSeconds: () => 0 }],
  ] as const)('costs what trying everything costs, on random graphs with two inputs and a sentinel: %s', (_, on) => {
    const seen = { feasible: 0, refused: 0 };
    for (let seed = 0; seed < 60; seed++) {
      const problem = randomGraph(seed, 4);
      const least = byTryingEverything(problem.lowered, problem.cost, on);
      if (Number.isFinite(least)) {
        seen.feasible++;
        expect(expectSound(problem, on), `seed ${seed}`).toBeCloseTo(least, 9);
        continue;
      }
      seen.refused++;
      // Every value and every number of levels here is an operand's: the reason is one that the walk met.
      expect(() => placeBootstraps(problem.lowered, on, problem.cost), `seed ${seed}`).toThrow(PlacementError);
      expect(() => placeBootstraps(problem.lowered, on, problem.cost)).toThrow(/^group \d needs \d levels/);
    }
    expect(Math.min(seen.feasible, seen.refused)).toBeGreaterThan(3);
  });

  it('levels and bootstraps of 30 random graphs of 9 groups hold, and get no cheaper as bootstraps get dearer', () => {
    let placed = 0;
    for (let seed = 200; seed < 230; seed++) {
      const problem = randomGraph(seed, 9);
      let before = 0;
      for (const single of [0, 0.1, 1, 3]) {
        const on = { ...machine, bootstrapOutputLevel: 8, inputLevel: 8, bootstrapSeconds: pairs(single) };
        if (isRefused(problem, on)) break;
        const seconds = expectSound(problem, on);
        expect(seconds).toBeGreaterThanOrEqual(before);
        before = seconds;
        placed++;
      }
    }
    expect(placed).toBeGreaterThan(60);
  });

  it('more levels between bootstraps never cost more where operations cost the same', () => {
    for (let seed = 300; seed < 320; seed++) {
      const problem = randomGraph(seed, 8);
      let before = Number.POSITIVE_INFINITY;
      for (const top of [5, 6, 8]) {
        const on = { ...machine, bootstrapOutputLevel: top, inputLevel: top };
        if (isRefused(problem, on)) {
          expect(before).toBe(Number.POSITIVE_INFINITY);
          continue;
        }
        const seconds = expectSound(problem, on);
        expect(seconds).toBeLessThanOrEqual(before + 1e-9);
        before = seconds;
      }
    }
  });

  it('two values with an odd number of ciphertexts share a bootstrap, though only one is read there', () => {
    const tensors = ['a', 'b', 'c', 'd', 'e'].map(
      (name): CipherTensor => ({ name, ciphertexts: 1, refreshable: true }),
    );
    const group = (source: string, operands: Group['operands'], result: number): Group => ({ source, operands, results: [result], emit: () => [] }); // biome-ignore format: one group
    const groups = [
      group('to b', [{ tensor: 0, above: 3 }], 1),
      group('to c', [{ tensor: 0, above: 3 }], 2),
      group('reads b', [{ tensor: 1, above: 4 }], 3),
      group('reads c', [{ tensor: 2, above: 4 }, { tensor: 3, above: 0 }], 4),
    ]; // biome-ignore format: a table
    const output = { tensor: 4, reads: [], factor: 1, limit: 1, period: 1 };
    const lowered = { tensors, groups, inputs: [{ tensor: 0, name: 'a', factor: 1, sources: [] }], output };
    const { refreshed, levels, inputLevels } = placeBootstraps(lowered, machine, () => 1);
    expect(refreshed).toEqual([[], [], [1, 2], []]);
    expect([levels, inputLevels.get(0)]).toEqual([[1, 1, 0, 0], 4]);
  });

  it('names the value that may not be refreshed, and advises to calibrate it', () => {
    const { lowered, cost } = randomChain(1, 3);
    const tensors = lowered.tensors.map((tensor) => ({ ...tensor, refreshable: false }));
    const groups = lowered.groups.map((group) => ({
      ...group,
      operands: group.operands.map((one) => ({ ...one, above: 3 })),
    }));
    const refused = () => placeBootstraps({ ...lowered, tensors, groups }, machine, cost);
    expect(refused).toThrow(PlacementError);
    expect(refused).toThrow(/^group \d needs 3 levels .*and 4 lie between .*(input|value \d) may leave \[-1, 1\]/);
  });

  it('names the part of the model that no bootstrap can help', () => {
    const { lowered, cost } = randomChain(1, 3);
    const groups = lowered.groups.map((group, g) =>
      g === 1 ? { ...group, operands: group.operands.map((operand) => ({ ...operand, above: 7 })) } : group,
    );
    expect(() => placeBootstraps({ ...lowered, groups }, machine, cost)).toThrow(/group 1/);
  });
});
