import type { ErrorPoint } from '../certificate/certificate.ts';
import type { Domain } from '../interval.ts';

/**
 * The largest |error| of every run of equal sign, in rising x: the error is sampled between neighbouring knots and each
 * run's peak refined by golden section. When fewer than `wanted` runs show, samples become denser, up to 81 a gap.
 */
export function signedExtrema(
  error: (x: number) => number,
  domain: Domain,
  knots: readonly number[],
  wanted: number,
): ErrorPoint[] {
  for (let perGap = 9; ; perGap *= 3) {
    const peaks = runPeaks(sample(error, domain, knots, perGap));
    if (peaks.length >= wanted || perGap >= 81) return peaks.map((peak) => refine(error, peak));
  }
}

interface Sampled extends ErrorPoint {
  /** Index of the interval of the domain, so that peaks are never sought across a gap. */
  readonly part: number;
}

interface Peak {
  readonly left: number;
  readonly at: ErrorPoint;
  readonly right: number;
}

function sample(error: (x: number) => number, domain: Domain, knots: readonly number[], perGap: number): Sampled[] {
  return domain.flatMap(([lo, hi], part) => {
    const inside = [...new Set([lo, ...knots.filter((x) => x > lo && x < hi), hi])].sort((a, b) => a - b);
    const xs = [lo];
    for (let i = 1; i < inside.length; i++) {
      const a = inside[i - 1]!;
      const b = inside[i]!;
      // Denser towards the knots: next to an end of the interval the error turns fastest.
      for (let k = 1; k < perGap; k++) xs.push(a + (b - a) * Math.sin((Math.PI * k) / (2 * perGap)) ** 2);
      xs.push(b);
    }
    return xs.map((x) => ({ x, error: error(x), part }));
  });
}

function runPeaks(samples: readonly Sampled[]): Peak[] {
  const peaks: Peak[] = [];
  let top = -1;
  const close = () => {
    if (top < 0) return;
    const { x, error, part } = samples[top]!;
    const neighbour = (i: number) => (samples[i]?.part === part ? samples[i]!.x : x);
    peaks.push({ left: neighbour(top - 1), at: { x, error }, right: neighbour(top + 1) });
  };
  samples.forEach(({ error }, i) => {
    if (error === 0) return;
    if (top >= 0 && Math.sign(samples[top]!.error) !== Math.sign(error)) {
      close();
      top = i;
    } else if (top < 0 || Math.abs(error) > Math.abs(samples[top]!.error)) top = i;
  });
  close();
  return peaks;
}

const golden = (Math.sqrt(5) - 1) / 2;

/**
 * Golden section: a kink cannot mislead it. 30 steps leave 5e-7 of the bracket, and the error at a peak only feels the
 * square of that.
 */
function refine(error: (x: number) => number, { left, at, right }: Peak): ErrorPoint {
  const s = Math.sign(at.error);
  let a = left;
  let b = right;
  let c = b - golden * (b - a);
  let d = a + golden * (b - a);
  let fc = s * error(c);
  let fd = s * error(d);
  for (let i = 0; i < 30 && c < d; i++) {
    if (fc > fd) {
      b = d;
      d = c;
      fd = fc;
      c = b - golden * (b - a);
      fc = s * error(c);
    } else {
      a = c;
      c = d;
      fc = fd;
      d = a + golden * (b - a);
      fd = s * error(d);
    }
  }
  const value = Math.max(fc, fd);
  return value > s * at.error ? { x: fc > fd ? c : d, error: s * value } : at;
}

/**
 * `count` points of alternating sign with the largest one among them, from the peaks of all sign runs (which already
 * alternate). Surplus peaks go from the ends one at a time, or as neighbouring pairs, smallest first.
 */
export function exchange(peaks: readonly ErrorPoint[], count: number): number[] | undefined {
  if (peaks.length < count) return undefined;
  const kept = [...peaks];
  const size = (i: number) => Math.abs(kept[i]!.error);
  while (kept.length > count) {
    if (kept.length === count + 1) {
      kept.splice(size(0) < size(kept.length - 1) ? 0 : kept.length - 1, 1);
      continue;
    }
    // Dropping both ends, or an inner pair, keeps the alternation; drop whichever loses the least.
    let at = -1;
    let least = Math.max(size(0), size(kept.length - 1));
    for (let i = 0; i + 1 < kept.length; i++) {
      const loss = Math.max(size(i), size(i + 1));
      if (loss < least) {
        least = loss;
        at = i;
      }
    }
    if (at >= 0) kept.splice(at, 2);
    else {
      kept.pop();
      kept.shift();
    }
  }
  return kept.map(({ x }) => x);
}
