import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumPath } from '../../../packages/ckks/test/browser/chromium.ts';

/** A Chromium as people have it: a process a tab, and no rule of the web switched off. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await chromiumPath(), args: ['--no-sandbox'], headless: true });
}

/** Points along a stroke, as shares of the drawing area. */
export type Stroke = readonly (readonly [x: number, y: number])[];

const arc = (cx: number, cy: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 30 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / 29);
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

const line = (...points: Stroke): Stroke =>
  points.slice(1).flatMap((to, i) => {
    const from = points[i]!;
    return Array.from(
      { length: 12 },
      (_, k) => [from[0] + ((to[0] - from[0]) * k) / 11, from[1] + ((to[1] - from[1]) * k) / 11] as const,
    );
  });

/** Digits as a hand draws them. */
export const strokes: Readonly<Record<string, readonly Stroke[]>> = {
  0: [arc(0.5, 0.5, 0.2, 0.3, -0.25, 0.75)],
  1: [line([0.54, 0.18], [0.48, 0.82])],
  3: [[...arc(0.47, 0.34, 0.17, 0.15, -0.45, 0.25), ...arc(0.47, 0.65, 0.19, 0.16, -0.25, 0.42)]],
  7: [line([0.28, 0.24], [0.7, 0.22], [0.62, 0.45], [0.45, 0.82])],
};

/** Draws with the mouse. */
export async function draw(page: Page, digit: string): Promise<void> {
  await page.evaluate(() => document.getElementById('pad')!.scrollIntoView({ block: 'center' }));
  const { x: left, y: top, width, height } = (await page.locator('#pad').boundingBox())!;
  for (const stroke of strokes[digit]!) {
    const place = ([x, y]: readonly [number, number]) => [left + x * width, top + y * height] as const;
    await page.mouse.move(...place(stroke[0]!));
    await page.mouse.down();
    for (const point of stroke) await page.mouse.move(...place(point));
    await page.mouse.up();
  }
}
