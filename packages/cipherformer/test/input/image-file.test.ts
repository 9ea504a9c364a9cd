import type { ImagePreprocess } from '@cipherformer/model';
import { DataError } from '@cipherformer/model';
import { isPrintable } from '@cipherformer/model/untrusted';
import { describe, expect, it } from 'vitest';
import { imageKind, imagePixels } from '../../src/input/image-file.ts';
import { chunk, png } from './png.ts';

function taking(channels: number, width: number, height: number): ImagePreprocess {
  const patches = { channels, width, height, patch: 1, stride: 1, padding: 0, order: 'channel-first', classToken: false } as const; // biome-ignore format: short
  return { kind: 'image', patches, normalise: { mean: [0], deviation: [1] } };
}

const read = async (bytes: Uint8Array, preprocess: ImagePreprocess, resize = false) =>
  imagePixels(bytes, 'digit.png', preprocess, resize);

// Grey 200 everywhere, 8 x 8, written by PIL.
const greyJpeg =
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8ASB//2Q==';

describe('image files', () => {
  it('a grey PNG gives its bytes, row by row', async () => {
    const values = Uint8Array.from({ length: 6 }, (_, i) => 40 * i);
    expect([...(await read(png(3, 2, 1, values), taking(1, 3, 2)))]).toEqual([...values]);
  });

  it('colours: planes for three channels, brightness for one', async () => {
    const file = png(2, 1, 3, [255, 0, 0, 10, 20, 30]);
    expect([...(await read(file, taking(3, 2, 1)))]).toEqual([255, 10, 0, 20, 0, 30]);
    expect([...(await read(file, taking(1, 2, 1)))]).toEqual([76, 18]);
  });

  it('what is transparent is white', async () => {
    const file = png(3, 1, 4, [0, 0, 0, 0, 0, 0, 0, 255, 100, 100, 100, 51]);
    expect([...(await read(file, taking(1, 3, 1)))]).toEqual([255, 0, 224]);
  });

  it('another size is refused, and offers to scale', async () => {
    const file = png(4, 4, 1, new Uint8Array(16).fill(90));
    const asked = read(file, taking(1, 2, 2));
    await expect(asked).rejects.toThrow(DataError);
    await expect(asked).rejects.toThrow(/digit\.png is 4 x 4 pixels, the model takes 2 x 2: resize it/);
    expect([...(await read(file, taking(1, 2, 2), true))]).toEqual([90, 90, 90, 90]);
  });

  it('scaling keeps where things are: the left half is dark', async () => {
    const wide = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 0 : 255));
    const small = await read(png(8, 8, 1, wide), taking(1, 4, 4), true);
    for (let y = 0; y < 4; y++) {
      expect(small[4 * y]).toBeLessThan(20);
      expect(small[4 * y + 3]).toBeGreaterThan(235);
    }
  });

  it('JPEG, as its colours and as brightness', async () => {
    const file = new Uint8Array(Buffer.from(greyJpeg, 'base64'));
    expect(imageKind(file)).toBe('jpeg');
    expect([...(await read(file, taking(1, 8, 8)))]).toEqual(new Array(64).fill(200));
    expect([...(await read(file, taking(3, 8, 8)))]).toEqual(new Array(192).fill(200));
  });

  it('row 9: a few bytes that claim millions of pixels are refused before they are decoded', async () => {
    const file = png(3, 2, 1, new Uint8Array(6));
    const claiming = (width: number, height: number) => {
      const size = Buffer.from(file.subarray(16, 29));
      size.writeUInt32BE(width, 0);
      size.writeUInt32BE(height, 4);
      // Alone, and behind an honest one.
      return [8, 33].map((at) => Buffer.concat([file.subarray(0, at), chunk('IHDR', size), file.subarray(33)]));
    };
    for (const [width, height] of [[2 ** 27, 1], [1, 2 ** 31 - 1], [2 ** 16, 2 ** 16]] as const) // biome-ignore format: short
      for (const bytes of claiming(width, height)) {
        const start = process.cpuUsage();
        await expect(read(bytes, taking(1, 3, 2), true)).rejects.toThrow(
          /digit\.png (claims to have \d+ x \d+ pixels|.*header is missing, or there are two)/,
        );
        expect(process.cpuUsage(start).user).toBeLessThan(500_000);
      }
  });

  it('row 9: what a decoder says of a stranger’s bytes can be shown', async () => {
    const file = Buffer.from(png(3, 2, 1, new Uint8Array(6)));
    file.write('\u001b[2J', 37, 'latin1');
    const refused = await read(file, taking(1, 3, 2)).catch((error: Error) => error.message);
    expect(refused).toMatch(/digit\.png is a damaged PNG/);
    expect(isPrintable(String(refused))).toBe(true);
  });

  it('what the model’s maker did to pictures is done to them', async () => {
    const values = Uint8Array.from({ length: 16 }, (_, i) => 10 * i);
    const picture = { resize: { to: { shortest: 4 }, filter: 'bicubic' }, crop: { height: 2, width: 2 } } as const;
    expect([...(await read(png(4, 4, 1, values), { ...taking(1, 2, 2), picture }))]).toEqual([50, 60, 90, 100]);
  });

  it('damaged files, and formats that are not read, are named', async () => {
    const file = png(3, 2, 1, new Uint8Array(6));
    await expect(read(file.subarray(0, 40), taking(1, 3, 2))).rejects.toThrow(/digit\.png is a damaged PNG/);
    const webp = Buffer.from('RIFF    WEBPVP8 ');
    await expect(read(webp, taking(1, 3, 2))).rejects.toThrow(/WebP.*PNG or JPEG/);
    expect(imageKind(Buffer.from('{"pixels": []}'))).toBeUndefined();
  });
});
