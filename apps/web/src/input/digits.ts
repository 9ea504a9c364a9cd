// A drawing as MNIST's authors prepared their digits, on which the model was trained: cropped, scaled into a box of 20 x 20
// pixels with its proportions kept and its edges grey, and moved so that its centre of mass is in the middle of 28 x 28
// (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits").

/** Width and height of a prepared digit, in pixels. */
export const digitSize = 28;
const boxSize = 20;
/** Where MNIST's digits have their centre of mass, from the left and top edges: the middle of pixel 14. */
const middle = 14.5;
/** Less ink than this is the soft edge of a stroke: the box is cut without it. */
const faint = 64;

/** Ink from 0 (none) to 255, [height, width]. */
export interface Ink {
  readonly width: number;
  readonly height: number;
  readonly values: ArrayLike<number>;
}

/** The digit, [28, 28] from 0 to 255; undefined where nothing was drawn. Cost: linear in the drawing's pixels. */
export function prepareDigit(ink: Ink): Uint8Array | undefined {
  const box = boxOf(ink);
  if (box === undefined) return undefined;
  const scale = boxSize / Math.max(box.right - box.left, box.bottom - box.top);
  const centre = centreOf(ink);
  const start = {
    x: startOf(centre.x, box.left, box.right, scale),
    y: startOf(centre.y, box.top, box.bottom, scale),
  };
  const columns = overlaps(start.x, scale, ink.width);
  const rows = overlaps(start.y, scale, ink.height);
  const digit = new Uint8Array(digitSize ** 2);
  for (const [y, row] of rows.entries())
    for (const [x, column] of columns.entries()) {
      let sum = 0;
      for (const [j, height] of row)
        for (const [i, width] of column) sum += height * width * ink.values[j * ink.width + i]!;
      digit[y * digitSize + x] = Math.round(sum * scale ** 2);
    }
  return digit;
}

/** The smallest box around what is not faint: in pixels, the right and the bottom side excluded. */
function boxOf({ width, height, values }: Ink) {
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!(values[y * width + x]! >= faint)) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  return right > left ? { left, right, top, bottom } : undefined;
}

/** Centre of mass, in pixels from the left and top edges. */
function centreOf({ width, height, values }: Ink) {
  let [mass, x, y] = [0, 0, 0];
  for (let j = 0; j < height; j++)
    for (let i = 0; i < width; i++) {
      const value = values[j * width + i]!;
      mass += value;
      x += value * (i + 0.5);
      y += value * (j + 0.5);
    }
  return { x: x / mass, y: y / mass };
}

/** Where in the drawing the digit's first row or column begins: its middle at the centre, unless the box would be cut. */
function startOf(centre: number, from: number, to: number, scale: number): number {
  const wanted = centre - middle / scale;
  return Math.min(Math.max(wanted, to - digitSize / scale), from);
}

/** For each row or column of the digit the pixels of the drawing below it, with how much of each, in pixels. */
function overlaps(start: number, scale: number, size: number): [pixel: number, length: number][][] {
  return Array.from({ length: digitSize }, (_, k) => {
    const from = Math.max(start + k / scale, 0);
    const to = Math.min(start + (k + 1) / scale, size);
    const pixels: [number, number][] = [];
    for (let i = Math.floor(from); i < to; i++) pixels.push([i, Math.min(to, i + 1) - Math.max(from, i)]);
    return pixels;
  });
}
