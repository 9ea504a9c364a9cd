import { crc32, deflateSync } from 'node:zlib';

/** A PNG file written by hand (RFC 2083), so that reading is tested against the format and not against its own library. */
export function png(width: number, height: number, channels: 1 | 3 | 4, values: ArrayLike<number>): Buffer {
  const colourType = { 1: 0, 3: 2, 4: 6 }[channels];
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colourType, 0, 0, 0], 8);
  const row = width * channels;
  const lines = Buffer.alloc(height * (row + 1));
  for (let y = 0; y < height; y++) for (let x = 0; x < row; x++) lines[y * (row + 1) + 1 + x] = values[y * row + x]!;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(lines)), chunk('IEND')]);
}

/** With its checksum. */
export function chunk(name: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}
