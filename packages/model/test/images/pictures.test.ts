import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { decodePicture } from '../../src/images/decode.ts';
import { preparePicture } from '../../src/images/prepare-picture.ts';
import { parseImageProcessor } from '../../src/images/processor.ts';
import { type Filter, resample } from '../../src/images/resample.ts';
import { normalisePixels } from '../../src/inputs/pixels.ts';

// Made by PIL and transformers: packages/model/test/references/make_references.py.
const references = join(import.meta.dirname, '../references');
const read = <T>(name: string): T => JSON.parse(readFileSync(join(references, name), 'utf8')) as T;
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

interface PictureCase {
  readonly name: string;
  readonly file: string;
  readonly size: readonly [number, number];
  readonly rgb: string;
  readonly grey: string;
  readonly white?: string;
}
const pictures = read<PictureCase[]>('pictures.json');

/** The largest difference from bytes [height, width, channels]. */
function worst(planes: Uint8Array, expected: Uint8Array, channels: number): number {
  const count = planes.length / channels;
  expect(expected.length).toBe(planes.length);
  return expected.reduce((most, value, i) => {
    const at = (i % channels) * count + Math.floor(i / channels);
    return Math.max(most, Math.abs(value - planes[at]!));
  }, 0);
}

describe('decoding, against PIL', () => {
  it.each(pictures)('$name', ({ name, file, size: [width, height], rgb, grey, white }) => {
    const picture = decodePicture(bytes(file), name);
    // Decoders of JPEG round the inverse transform in their own ways.
    const allowed = name.startsWith('jpeg') ? 3 : 0;
    const colours = preparePicture(picture, {}, { channels: 3, height, width }, name);
    expect(worst(colours, bytes(rgb), 3)).toBeLessThanOrEqual(allowed);
    const brightness = preparePicture(picture, {}, { channels: 1, height, width }, name);
    expect(worst(brightness, bytes(grey), 1)).toBeLessThanOrEqual(allowed / 3);
    if (white === undefined) return;
    const onWhite = preparePicture(picture, { background: 'white' }, { channels: 3, height, width }, name);
    expect(worst(onWhite, bytes(white), 3)).toBe(0);
  });

  const png = bytes(pictures[0]!.file);
  const changed = (at: number, value: number) => {
    const copy = png.slice();
    new DataView(copy.buffer).setUint32(at, value);
    return copy;
  };

  it('refuses a claim of more pixels than are read before memory is taken', () => {
    expect(() => decodePicture(changed(16, 2 ** 24), 'p')).toThrow(/p claims to have 16777216 x 9 pixels.*at most/s);
    const jpeg = bytes(pictures.find(({ name }) => name === 'jpeg grey')!.file);
    const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
    jpeg.set([0xff, 0xff, 0xff, 0xff], frame + 5);
    expect(() => decodePicture(jpeg, 'p')).toThrow(/p claims to have 65535 x 65535 pixels/);
  });

  it('refuses rows that are missing, or more than there are', () => {
    expect(() => decodePicture(changed(20, 10), 'p')).toThrow(/p is a damaged PNG.*rows are missing/);
    expect(() => decodePicture(png.slice(0, 60), 'p')).toThrow(DataError);
  });

  it('names formats that are not read', () => {
    const webp = new TextEncoder().encode('RIFF0000WEBPVP8 ');
    expect(() => decodePicture(webp, 'p')).toThrow(/p is a WebP picture, which is not read: save it as PNG or JPEG/);
    expect(() => decodePicture(new Uint8Array(8), 'p')).toThrow(/p is no picture that is read/);
  });
});

interface Resampled {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly filter: Filter;
  readonly pixels: string;
  readonly made: string;
}
describe('another size, byte for byte as PIL', () => {
  it.each(read<Resampled[]>('resampled.json'))('$from to $to, $filter', ({ from, to, filter, pixels, made }) => {
    const picture = { width: from[0], height: from[1], channels: 3, pixels: bytes(pixels) } as const;
    expect(Buffer.from(resample(picture, to[0], to[1], filter).pixels).toString('base64')).toBe(made);
  });
});

interface Processed {
  readonly config: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly values: string;
}
const processed = read<Processed[]>('processed.json');
const size = { channels: 3, height: 8, width: 8 } as const;
const values = (config: unknown, file: string): Float32Array => {
  const { steps, normalise } = parseImageProcessor(config, size, 'processor');
  const pixels = preparePicture(decodePicture(bytes(file), 'picture'), steps, size, 'picture');
  const result = new Float32Array(pixels.length);
  normalisePixels(pixels, 0, pixels.length, normalise, result, 0);
  return result;
};
describe('image processors, against transformers', () => {
  it.each(processed)('$config.image_processor_type, size $config.size', ({ config, file, values: expected }) => {
    const wanted = new Float32Array(bytes(expected).buffer);
    const difference = values(config, file).reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
    expect(difference).toBeLessThan(1e-6);
  });

  const [{ config }] = processed as [Processed];
  it('every key is used, neutral, or refused by its name', () => {
    const refused = (change: object) => expect(() => parseImageProcessor({ ...config, ...change }, size, 'p'));
    refused({ do_something_new: true }).toThrow(/do_something_new/);
    refused({ do_pad: true }).toThrow(/do_pad/);
    refused({ do_thumbnail: true }).toThrow(/do_thumbnail/);
    refused({ resample: 7 }).toThrow(/resample/);
    refused({ size: { longest_edge: 8 } }).toThrow(/size/);
    refused({ image_processor_type: 'DonutImageProcessor' }).toThrow(/Donut/);
    refused({ image_std: [1, 0, 1] }).toThrow(/image_std/);
    refused({ image_mean: [0.5] }).toThrow(/image_mean/);
    refused({ size: { height: 9, width: 8 } }).toThrow(/makes pictures of 8 x 9, the model takes 8 x 8/);
    expect(parseImageProcessor({ ...config, do_pad: false, device: null }, size, 'p')).toEqual(
      parseImageProcessor(config, size, 'p'),
    );
  });

  it('a change of any key that is used changes the values', () => {
    const clip = processed.filter((one) => one.config.image_processor_type === 'CLIPImageProcessor')[2]!;
    const plain = values(clip.config, clip.file);
    const changes = { do_center_crop: false, do_normalize: false, do_rescale: false, resample: 2, rescale_factor: 0.01, rescale_offset: true, image_mean: [0.1, 0.2, 0.3], image_std: [1, 2, 3], size: { shortest_edge: 12 } }; // biome-ignore format: a list
    for (const [key, value] of Object.entries(changes)) {
      const made = (() => {
        try {
          return values({ ...clip.config, [key]: value }, clip.file);
        } catch (error) {
          return (error as Error).message;
        }
      })();
      expect(made, key).not.toEqual(plain);
    }
  });
});
