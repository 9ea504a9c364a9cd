import { Ciphertext, type Context } from '@cipherformer/ckks';

/** Processor milliseconds of one limb transform: the yardstick between machines. */
export function measureReference(context: Context, runs = 21): number {
  using limb = new Ciphertext(context, 0, 1, 1, 2);
  limb.clear();
  return (
    fastest(runs, () => {
      for (let i = 0; i < 16; i++) context.ring.forward(limb.part(0), limb.part(0), [0]);
    }) / 16
  );
}

/** Fewest processor milliseconds of the runs, after a first one that touches memory and tables: what others' work adds is not counted. */
export function fastest(runs: number, work: () => void): number {
  work();
  const times = Array.from({ length: runs }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}
