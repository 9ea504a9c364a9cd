// Digits as a hand draws them, for who cannot draw, or does not want to.

/** Points along a stroke, as shares of the drawing area. */
export type Stroke = readonly (readonly [x: number, y: number])[];

const arc = (cx: number, cy: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 30 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / 29);
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

export const sampleDigits: readonly (readonly Stroke[])[] = [
  [arc(0.5, 0.5, 0.2, 0.3, -0.25, 0.75)],
  [[[0.54, 0.18], [0.48, 0.82]]],
  [[...arc(0.49, 0.37, 0.18, 0.18, -0.45, 0.12), [0.3, 0.8], [0.74, 0.79]]],
  [[...arc(0.47, 0.34, 0.17, 0.15, -0.45, 0.25), ...arc(0.47, 0.65, 0.19, 0.16, -0.25, 0.42)]],
  [[[0.4, 0.2], [0.3, 0.54], [0.7, 0.52]], [[0.64, 0.24], [0.58, 0.84]]],
  [[[0.7, 0.2], [0.4, 0.21], [0.36, 0.47], ...arc(0.48, 0.63, 0.2, 0.19, -0.3, 0.4)]],
  [[[0.62, 0.18], [0.42, 0.4], ...arc(0.5, 0.65, 0.17, 0.16, 0.5, 1.5)]],
  [[[0.28, 0.24], [0.7, 0.22], [0.62, 0.45], [0.45, 0.82]]],
  [[...arc(0.5, 0.34, 0.15, 0.15, 0.25, -0.75), ...arc(0.5, 0.65, 0.18, 0.17, -0.25, 0.75)]],
  [[...arc(0.5, 0.36, 0.17, 0.17, 0, -1), [0.66, 0.5], [0.58, 0.84]]],
]; // biome-ignore format: a digit a line
