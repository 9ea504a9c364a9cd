import start from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import { DataError, MissingFileError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';
import { jpegHeader } from './jpeg-header.ts';
import { oriented, type Picture } from './picture.ts';

/** More scans than any encoder writes: a progressive file goes through all its pixels in each. */
const maxScans = 100;
/** Pixels that are gone through, in all scans together. */
const maxVisits = 2 ** 28;

/** A decoder that held more than this is thrown away with its memory. */
const maxKeptBytes = 2 ** 23;

/** What libjpeg says of a file that PIL reads without a word: a few bytes too many before the end of its picture. */
const harmless = /extraneous bytes before marker 0xd9/;

/**
 * A JPEG, upright as its EXIF orientation says: libjpeg's values (mozjpeg, compiled to WebAssembly), which are PIL's.
 * @throws DataError for a damaged file, one of more pixels than `maxPixels` or more than 100 scans, four components (CMYK);
 * MissingFileError where the decoder cannot be loaded
 */
export async function decodeJpeg(bytes: Uint8Array, where: string, maxPixels: number): Promise<Picture> {
  const damaged = (what: string) => new DataError(`${where} is a damaged JPEG (${what}): save it again.`);
  const header = jpegHeader(bytes);
  if (typeof header === 'string') throw damaged(header);
  const { width, height, components, scans, orientation, plain } = header;
  if (width * height > maxPixels)
    throw new DataError(
      `${where} claims to have ${width} x ${height} pixels, ${maxPixels} at most are read: scale it down first.`,
    );
  if (components !== 1 && components !== 3)
    throw new DataError(
      `${where} is a JPEG of ${components} components (CMYK?), grey and colours are read: save it as RGB.`,
    );
  if (scans > maxScans || scans * width * height > maxVisits)
    throw new DataError(
      `${where} is a JPEG of ${scans} scans for ${width} x ${height} pixels, which takes too long: save it without progressive coding.`,
    );
  const module = await decoder();
  const complaints: string[] = [];
  let decoded: Decoded;
  try {
    decoded = decodeApart(plain, module, complaints);
  } catch (error) {
    // C++ throws numbers.
    throw damaged(shown(complaints[0] ?? (error as { message?: string }).message ?? 'it cannot be decoded'));
  }
  const complaint = complaints.find((line) => !harmless.test(line));
  if (complaint !== undefined) throw damaged(shown(complaint));
  if (decoded.width !== width || decoded.height !== height) throw damaged('it has two sizes');
  const { data } = decoded;
  const pixels = new Uint8Array(width * height * components);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < components; c++) pixels[i * components + c] = data[4 * i + c]!;
  return oriented({ width, height, channels: components, pixels }, orientation);
}

/** Red, green, blue and opacity of a pixel after the other. */
interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

/** The library, started: it has memory of its own, which grows and never shrinks. */
interface Decoder {
  decode(bytes: Uint8Array, upright: boolean): Decoded | null;
  /** What libjpeg printed. */
  readonly said: string[];
}

/** The decoder of the last picture, where it left nothing behind. */
let idle: Decoder | undefined;

/**
 * Decodes with nothing of an earlier file that went wrong.
 * @throws what the library throws where it gives up, no errors of ours; what libjpeg says goes to `said`
 */
function decodeApart(plain: Uint8Array, module: WebAssembly.Module, said: string[]): Decoded {
  const scope = globalThis as { ImageData?: unknown };
  const before = scope.ImageData;
  // The library asks for the browser's, with its first picture. Where there is none it would leave one of its own.
  scope.ImageData ??= PlainImage;
  const decoder = idle ?? startDecoder(module);
  idle = undefined;
  try {
    const decoded = decoder.decode(plain, false);
    if (!decoded) throw new Error('it cannot be decoded');
    if (decoder.said.length === 0 && plain.length + decoded.data.length <= maxKeptBytes) idle = decoder;
    return decoded;
  } finally {
    said.push(...decoder.said);
    if (before === undefined) delete scope.ImageData;
  }
}

/** What the library is started with. It fills it: `decode` is there afterwards. */
interface Options {
  readonly said: string[];
  instantiateWasm(imports: WebAssembly.Imports, made: (instance: WebAssembly.Instance) => void): WebAssembly.Exports;
  print(line: string): void;
  printErr(line: string): void;
}

function startDecoder(module: WebAssembly.Module): Decoder {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const options: Options = {
    said,
    instantiateWasm(imports, made) {
      const instance = new WebAssembly.Instance(module, imports);
      made(instance);
      return instance.exports;
    },
    print: say,
    printErr: say,
  };
  // Ready when it returns: only what fetches its module has to be waited for.
  (start as unknown as (options: Options) => Promise<unknown>)(options).catch(() => {});
  return options as Options & Decoder;
}

/** As much of a browser's ImageData as the library asks for. */
class PlainImage {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

let compiled: Promise<WebAssembly.Module> | undefined;

/** The decoder, compiled once. */
function decoder(): Promise<WebAssembly.Module> {
  compiled ??= load().catch((error: Error) => {
    // A line that broke is tried again with the next picture.
    compiled = undefined;
    throw new MissingFileError(`The decoder of JPEGs cannot be loaded (${error.message}): install the package again, or reload the page.`); // biome-ignore format: a message
  });
  return compiled;
}

/** Node, as far as it is asked here: a bundler for browsers meets none of its modules. */
interface Node {
  readonly versions?: { readonly node?: string };
  getBuiltinModule(name: 'node:module'): { createRequire(url: string): { resolve(name: string): string } };
  getBuiltinModule(name: 'node:fs/promises'): { readFile(file: string): Promise<Uint8Array<ArrayBuffer>> };
}

async function load(): Promise<WebAssembly.Module> {
  const node = (globalThis as { readonly process?: unknown }).process as Node | undefined;
  if (node?.versions?.node !== undefined) {
    const { resolve } = node.getBuiltinModule('node:module').createRequire(import.meta.url);
    const file = resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
    return WebAssembly.compile(await node.getBuiltinModule('node:fs/promises').readFile(file));
  }
  const response = await fetch(new URL('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm', import.meta.url));
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
