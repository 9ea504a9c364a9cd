import type { Picture } from './picture.ts';

/** Ways to a picture of another size, as PIL names them. */
export type Filter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

/** A kernel and how far it reaches, in pixels of the smaller of both pictures. */
interface Kernel {
  readonly support: number;
  weight(distance: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
const kernels: Record<Exclude<Filter, 'nearest'>, Kernel> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (given) => {
      const x = Math.abs(given);
      if (x === 0) return 1;
      return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI));
    },
  },
  bicubic: {
    support: 2,
    weight: (given) => {
      const x = Math.abs(given);
      const a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Weights are integers of so many bits after the point, so that every machine gives the same bytes. */
const precision = 22;

/** What one pixel of a line comes from: weights of the pixels from `start` on. */
interface Weights {
  readonly start: number;
  readonly weights: Int32Array;
}

function weightsOf({ support, weight }: Kernel, from: number, to: number): Weights[] {
  const scale = from / to;
  // A smaller picture sees wider kernels: that is the antialiasing.
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const values = Array.from({ length: end - start }, (_, k) => weight((k + start - centre + 0.5) * (1 / stretch)));
    const sum = values.reduce((a, b) => a + b, 0);
    const weights = values.map((value) => {
      const share = sum === 0 ? value : value / sum;
      return Math.trunc(share * 2 ** precision + (share < 0 ? -0.5 : 0.5));
    });
    return { start, weights: Int32Array.from(weights) };
  });
}

/**
 * A picture scaled to another size, byte for byte as the resize of PIL (Pillow 13): one direction after the other, with
 * bytes between. Opacity is not looked at: give pictures without it. Cost: pixels of the result times the kernel's width.
 */
export function resample(picture: Picture, width: number, height: number, filter: Filter): Picture {
  if (picture.width === width && picture.height === height) return picture;
  if (filter === 'nearest') return nearest(picture, width, height);
  const kernel = kernels[filter];
  const across = (from: Picture) => (from.width === width ? from : scaleRows(from, width, kernel));
  const down = (from: Picture) => (from.height === height ? from : scaleColumns(from, height, kernel));
  const lost = picture.height - height;
  return lost > 0 && lost > 2 * (picture.width - width) ? across(down(picture)) : down(across(picture));
}

function scaleRows({ width: from, height, channels, pixels }: Picture, width: number, kernel: Kernel): Picture {
  const lines = { count: height, before: from * channels, after: width * channels, step: channels };
  return { width, height, channels, pixels: scaleLines(pixels, weightsOf(kernel, from, width), lines, channels) };
}

function scaleColumns({ width, height: from, channels, pixels }: Picture, height: number, kernel: Kernel): Picture {
  const lines = { count: width, before: channels, after: channels, step: width * channels };
  return { width, height, channels, pixels: scaleLines(pixels, weightsOf(kernel, from, height), lines, channels) };
}

/** So many lines, how far they lie apart before and after, and how far the pixels of one do. */
interface Lines {
  readonly count: number;
  readonly before: number;
  readonly after: number;
  readonly step: number;
}

function scaleLines(
  pixels: Uint8Array,
  weights: readonly Weights[],
  { count, before, after, step }: Lines,
  channels: number,
): Uint8Array {
  const result = new Uint8Array(count * weights.length * channels);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < weights.length; i++) {
      const { start, weights: w } = weights[i]!;
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (precision - 1);
        for (let k = 0, at = n * before + start * step + c; k < w.length; k++, at += step) sum += pixels[at]! * w[k]!;
        result[n * after + i * step + c] = Math.min(255, Math.max(0, sum >> precision));
      }
    }
  }
  return result;
}

function nearest(picture: Picture, width: number, height: number): Picture {
  const { channels, pixels } = picture;
  const result = new Uint8Array(width * height * channels);
  const columns = centres(picture.width, width);
  centres(picture.height, height).forEach((row, y) => {
    columns.forEach((column, x) => {
      const from = (row * picture.width + column) * channels;
      for (let c = 0; c < channels; c++) result[(y * width + x) * channels + c] = pixels[from + c]!;
    });
  });
  return { width, height, channels, pixels: result };
}

/** The pixel under each centre; steps are summed up, as PIL does. */
function centres(from: number, to: number): number[] {
  const step = from / to;
  let at = step * 0.5;
  return Array.from({ length: to }, () => {
    const pixel = Math.min(from - 1, Math.trunc(at));
    at += step;
    return pixel;
  });
}
