import type { Ink } from './digits.ts';
import type { Stroke } from './sample-digits.ts';

/** Width of the pen beside the canvas: a digit that fills it comes out as thick as MNIST's. */
const penShare = 0.085;

/** Ink, as the canvas has it: its own alpha, so that the colour is the style sheet's affair. */
export function inkOf(canvas: HTMLCanvasElement): Ink {
  const { width, height } = canvas;
  const { data } = contextOf(canvas).getImageData(0, 0, width, height);
  return { width, height, values: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i + 3]!) };
}

/** A canvas to draw on with a mouse, a pen or a finger; Delete, Backspace or Escape clears it. */
export class DrawingPad {
  readonly canvas: HTMLCanvasElement;
  readonly #changed: () => void;
  #pointer: number | undefined;
  #last: { readonly x: number; readonly y: number } | undefined;

  /** @param changed after each stroke, and when it was cleared */
  constructor(canvas: HTMLCanvasElement, changed: () => void) {
    this.canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(end, (event) => this.#end(event));
    canvas.addEventListener('keydown', ({ key }) => {
      if (['Delete', 'Backspace', 'Escape'].includes(key)) this.clear();
    });
  }

  /** Draws strokes in the place of what is there. */
  draw(strokes: readonly Stroke[]): void {
    const { width, height } = this.canvas;
    contextOf(this.canvas).clearRect(0, 0, width, height);
    for (const stroke of strokes) {
      const points = stroke.map(([x, y]) => ({ x: x * width, y: y * height }));
      this.#last = points[0]!;
      for (const point of points) this.#lineTo(point);
    }
    this.#changed();
  }

  /** Puts ink in the place of what is there. */
  show({ width, height, values }: Ink): void {
    const context = contextOf(this.canvas);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) image.data[4 * i + 3] = values[i]!;
    context.putImageData(image, 0, 0);
    this.#changed();
  }

  clear(): void {
    contextOf(this.canvas).clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#changed();
  }

  #begin(event: PointerEvent): void {
    // A second finger, or another button than the main one, does not draw.
    if (this.#pointer !== undefined || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.#last = this.#place(event);
    this.#lineTo(this.#last);
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    // What the screen's refresh skipped: without it quick curves have corners.
    const skipped = event.getCoalescedEvents();
    for (const each of skipped.length > 0 ? skipped : [event]) this.#lineTo(this.#place(each));
  }

  #end(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = undefined;
    this.#changed();
  }

  #place({ clientX, clientY }: PointerEvent) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: ((clientX - left) * this.canvas.width) / width, y: ((clientY - top) * this.canvas.height) / height };
  }

  #lineTo(place: { readonly x: number; readonly y: number }): void {
    const context = contextOf(this.canvas);
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.lineWidth = penShare * this.canvas.width;
    context.beginPath();
    context.moveTo(this.#last!.x, this.#last!.y);
    context.lineTo(place.x, place.y);
    context.stroke();
    this.#last = place;
  }
}

/** Shows a prepared digit, a pixel a pixel. */
export function showDigit(canvas: HTMLCanvasElement, digit: Uint8Array | undefined): void {
  const context = contextOf(canvas);
  const image = context.createImageData(canvas.width, canvas.height);
  digit?.forEach((value, i) => {
    image.data[4 * i + 3] = value;
  });
  context.putImageData(image, 0, 0);
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext('2d', { willReadFrequently: true })!;
}
