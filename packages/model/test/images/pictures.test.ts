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
  it.each(pictures)('$name', async ({ name, file, size: [width, height], rgb, grey, white }) => {
    const picture = await decodePicture(bytes(file), name);
    const colours = preparePicture(picture, {}, { channels: 3, height, width }, name);
    expect(worst(colours, bytes(rgb), 3)).toBe(0);
    const brightness = preparePicture(picture, {}, { channels: 1, height, width }, name);
    expect(worst(brightness, bytes(grey), 1)).toBe(0);
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

  const refused = (file: Uint8Array, why: RegExp) => expect(decodePicture(file, 'p')).rejects.toThrow(why);
  const jpegs = new Map(
    pictures.filter(({ name }) => name.startsWith('jpeg')).map(({ name, file }) => [name, bytes(file)]),
  );
  const jpeg = (name: string) => jpegs.get(`jpeg ${name}`)!.slice();
  const findMarker = (file: Uint8Array, marker: number) => file.findIndex((byte, i) => byte === 0xff && file[i + 1] === marker); // biome-ignore format: a line

  it('refuses a claim of more pixels than are read before memory is taken', async () => {
    await refused(changed(16, 2 ** 24), /p claims to have 16777216 x 9 pixels.*at most/s);
    const file = jpeg('grey');
    file.set([0xff, 0xff, 0xff, 0xff], findMarker(file, 0xc0) + 5);
    await refused(file, /p claims to have 65535 x 65535 pixels/);
  });

  it('refuses rows that are missing, or more than there are', async () => {
    await refused(changed(20, 10), /p is a damaged PNG.*rows are missing/);
    await expect(decodePicture(png.slice(0, 60), 'p')).rejects.toThrow(DataError);
  });

  it('refuses a JPEG that is cut off, wherever, and one whose values do not fit, and reads the next', async () => {
    const file = jpeg('progressive');
    for (let length = 3; length < file.length; length += 7) await refused(file.subarray(0, length), /damaged JPEG/);
    const coded = jpeg('4:4:4');
    const start = findMarker(coded, 0xda) + 14;
    // An end right after the first values: libjpeg would fill the rest with grey.
    await refused(Uint8Array.from([...coded.subarray(0, start + 40), 0xff, 0xd9]), /damaged JPEG.*premature end/i);
    const at = Math.floor(0.8 * coded.length);
    await refused(
      coded.map((byte, i) => (i >= at && i < at + 10 ? byte ^ 0x55 : byte)),
      /damaged JPEG.*bad Huffman code/,
    );
    expect(await decodePicture(coded, 'p')).toMatchObject({ width: 37, height: 29, channels: 3 });
  });

  it('reads what PIL reads without a word: bytes before the end, and after it', async () => {
    const file = jpeg('4:4:4');
    const expected = await decodePicture(file, 'p');
    const end = file.length - 2;
    expect(await decodePicture(Uint8Array.from([...file.subarray(0, end), 1, 2, 0xff, 0xd9]), 'p')).toEqual(expected);
    expect(await decodePicture(Uint8Array.from([...file, ...file]), 'p')).toEqual(expected);
  });

  it('what components mean is what JFIF and Adobe say', async () => {
    const file = jpeg('4:4:4');
    const jfif = findMarker(file, 0xe0);
    const after = file.subarray(jfif + 2 + file[jfif + 3]!);
    const adobe = [0xff, 0xee, 0, 14, ...new TextEncoder().encode('Adobe'), 0, 100, 0, 0, 0, 0, 0];
    const without = Uint8Array.from([...file.subarray(0, jfif), ...after]);
    const asRgb = Uint8Array.from([...file.subarray(0, jfif), ...adobe, ...after]);
    const expected = await decodePicture(file, 'p');
    expect(await decodePicture(without, 'p')).toEqual(expected);
    const { pixels } = await decodePicture(asRgb, 'p');
    expect(pixels).not.toEqual(expected.pixels);
    // Its first component is the brightness, as it stands.
    expect(pixels[0]).toBe(Math.round(0.299 * expected.pixels[0]! + 0.587 * expected.pixels[1]! + 0.114 * expected.pixels[2]!)); // biome-ignore format: a line
  });

  it('refuses scans without end before they are decoded', async () => {
    const file = jpeg('progressive');
    // The last scan again and again: each goes through all pixels.
    const scan = file.subarray(
      file.findLastIndex((byte, i) => byte === 0xff && file[i + 1] === 0xda),
      -2,
    );
    const repeated = (times: number) => Uint8Array.from([...file.subarray(0, -2), ...new Array<Uint8Array>(times).fill(scan).flatMap((one) => [...one]), 0xff, 0xd9]); // biome-ignore format: a line
    await refused(repeated(100), /p is a JPEG of \d+ scans for 37 x 29 pixels/);
    const large = repeated(20);
    large.set([4095 >> 8, 4095 & 255, 4095 >> 8, 4095 & 255], findMarker(large, 0xc2) + 5);
    await refused(large, /p is a JPEG of \d+ scans for 4095 x 4095 pixels/);
  });

  it('refuses two frames, four components and other codings by name', async () => {
    const file = jpeg('4:4:4');
    const frame = findMarker(file, 0xc0);
    const segment = file.subarray(frame, frame + 2 + file[frame + 3]!);
    await refused(Uint8Array.from([...file.subarray(0, frame), ...segment, ...file.subarray(frame)]), /two pictures/);
    await refused(
      file.map((byte, i) => (i === frame + 1 ? 0xc3 : byte)),
      /lossless or arithmetically coded/,
    );
    await refused(
      file.map((byte, i) => (i === frame + 1 ? 0xc9 : byte)),
      /lossless or arithmetically coded/,
    );
    const four = Uint8Array.from([...file.subarray(0, frame + 3), 20, ...file.subarray(frame + 4, frame + 9), 4, ...segment.subarray(10), 4, 0x11, 0, ...file.subarray(frame + segment.length)]); // biome-ignore format: a line
    await refused(four, /4 components \(CMYK\?\)/);
  });

  it('leaves nothing behind in this process', async () => {
    await decodePicture(jpeg('grey'), 'p');
    expect('ImageData' in globalThis).toBe(false);
  });

  it('names formats that are not read', async () => {
    const webp = new TextEncoder().encode('RIFF0000WEBPVP8 ');
    await refused(webp, /p is a WebP picture, which is not read: save it as PNG or JPEG/);
    await refused(new Uint8Array(8), /p is no picture that is read/);
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
const values = async (config: unknown, file: string): Promise<Float32Array> => {
  const { steps, normalise } = parseImageProcessor(config, size, 'processor');
  const pixels = preparePicture(await decodePicture(bytes(file), 'picture'), steps, size, 'picture');
  const result = new Float32Array(pixels.length);
  normalisePixels(pixels, 0, pixels.length, normalise, result, 0);
  return result;
};
describe('image processors, against transformers', () => {
  it.each(processed)('$config.image_processor_type, size $config.size', async ({ config, file, values: expected }) => {
    const wanted = new Float32Array(bytes(expected).buffer);
    const difference = (await values(config, file)).reduce(
      (most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)),
      0,
    );
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

  it('a change of any key that is used changes the values', async () => {
    const clip = processed.filter((one) => one.config.image_processor_type === 'CLIPImageProcessor')[2]!;
    const plain = await values(clip.config, clip.file);
    const changes = { do_center_crop: false, do_normalize: false, do_rescale: false, resample: 2, rescale_factor: 0.01, rescale_offset: true, image_mean: [0.1, 0.2, 0.3], image_std: [1, 2, 3], size: { shortest_edge: 12 } }; // biome-ignore format: a list
    for (const [key, value] of Object.entries(changes)) {
      const made = await values({ ...clip.config, [key]: value }, clip.file).catch((error: Error) => error.message);
      expect(made, key).not.toEqual(plain);
    }
  });
});
