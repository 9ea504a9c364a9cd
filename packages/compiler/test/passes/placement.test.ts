import { describe, expect, it } from 'vitest';
import type { Group, Lowered, Part } from '../../src/passes/groups.ts';
import { type GroupCost, placeBootstraps } from '../../src/passes/placement.ts';
import type { BootstrapPricing } from '../../src/plan/machine.ts';
import { Numbers } from './graphs.ts';

/** A machine of few levels, so that every choice can be tried. */
const machine: BootstrapPricing = {
  bootstrapInputLevel: 1,
  bootstrapOutputLevel: 5,
  inputLevel: 5,
  bootstrapSeconds: (ciphertexts) => 2 * Math.floor(ciphertexts / 2) * 0.75 + 1 * (ciphertexts % 2),
};

/** Random groups, each of one or two of the latest values; the last one is the output. */
function randomChain(seed: number, groups: number): { lowered: Lowered; cost: GroupCost } {
  const numbers = new Numbers(seed);
  const whole = (below: number) => Math.min(below - 1, Math.floor(((numbers.next() + 1) / 2) * below));
  const parts: Part[] = [{ name: 'input', ciphertexts: 1 + whole(2), refreshable: true }];
  const list: Group[] = [];
  for (let g = 0; g < groups; g++) {
    const latest = parts.length - 1;
    const other = Math.max(0, latest - whole(3));
    const operands = [{ part: latest, above: whole(4) }];
    if (other !== latest) operands.push({ part: other, above: whole(3) });
    parts.push({ name: `value ${g}`, ciphertexts: 1 + whole(3), refreshable: numbers.next() > -0.7 });
    list.push({ source: `group ${g}`, operands, results: [parts.length - 1], emit: () => [] });
  }
  const weights = list.map(() => (numbers.next() + 1.1) / 4);
  const output = { part: parts.length - 1, reads: [], factor: 1, limit: 1, period: 1 };
  const inputs = [{ part: 0, name: 'input', factor: 1, sources: [] }];
  return { lowered: { parts, groups: list, inputs, output }, cost: (g, level) => weights[g]! * (level + 1) };
}

/**
 * The least seconds by trying everything, forwards: before each group any set of live values is refreshed, and the group
 * may work at any level its operands allow. Knows nothing of needs or dominance.
 */
function byTryingEverything({ parts, groups, output }: Lowered, cost: GroupCost): number {
  const known = new Map<string, number>();
  const best = (g: number, levels: ReadonlyMap<number, number>): number => {
    if (g === groups.length) return 0;
    const live = [...levels].filter(
      ([part]) => part === output.part || groups.slice(g).some(({ operands }) => operands.some((o) => o.part === part)),
    );
    const key = `${g}: ${live.join(' ')}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let least = Number.POSITIVE_INFINITY;
    for (let set = 0; set < 2 ** live.length; set++) {
      const chosen = live.filter((_, i) => (set >> i) & 1);
      const allowed = chosen.every(([part, level]) => parts[part]!.refreshable && level >= machine.bootstrapInputLevel);
      if (!allowed) continue;
      const ciphertexts = chosen.reduce((sum, [part]) => sum + parts[part]!.ciphertexts, 0);
      const at = new Map(live);
      for (const [part] of chosen) at.set(part, machine.bootstrapOutputLevel);
      const { operands, results } = groups[g]!;
      const top = Math.min(...operands.map(({ part, above }) => at.get(part)! - above));
      for (let level = 0; level <= top; level++) {
        const after = new Map(at);
        for (const part of results) after.set(part, level);
        least = Math.min(least, machine.bootstrapSeconds(ciphertexts) + cost(g, level) + best(g + 1, after));
      }
    }
    known.set(key, least);
    return least;
  };
  return best(0, new Map([[0, machine.inputLevel]]));
}

/** Refreshes every operand that is too low, and nothing else; groups work as high as they can. */
function greedily({ parts, groups, inputs }: Lowered, cost: GroupCost): number {
  const levels = new Map(inputs.map(({ part }) => [part, machine.inputLevel]));
  let seconds = 0;
  for (const [g, { operands, results }] of groups.entries()) {
    // The result has to reach a bootstrap.
    const low = operands.filter(({ part, above }) => levels.get(part)! - above < machine.bootstrapInputLevel);
    if (low.some(({ part }) => !parts[part]!.refreshable)) return Number.POSITIVE_INFINITY;
    seconds += machine.bootstrapSeconds(low.reduce((sum, { part }) => sum + parts[part]!.ciphertexts, 0));
    for (const { part } of low) levels.set(part, machine.bootstrapOutputLevel);
    const level = Math.min(...operands.map(({ part, above }) => levels.get(part)! - above));
    if (level < machine.bootstrapInputLevel) return Number.POSITIVE_INFINITY;
    seconds += cost(g, level);
    for (const part of results) levels.set(part, level);
  }
  return seconds;
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

  it('names the part of the model that no bootstrap can help', () => {
    const { lowered, cost } = randomChain(1, 3);
    const groups = lowered.groups.map((group, g) =>
      g === 1 ? { ...group, operands: group.operands.map((operand) => ({ ...operand, above: 7 })) } : group,
    );
    expect(() => placeBootstraps({ ...lowered, groups }, machine, cost)).toThrow(/group 1/);
  });
});
