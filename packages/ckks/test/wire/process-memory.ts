// Looks for a secret in all memory of this process (Linux only): vitest gives each test file a process of its own.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

export const canScan = process.platform === 'linux';

/** Byte `i` of the secret named `tag`: computed, so that whoever looks for the secret need not hold it. */
export function secretByte(tag: number, i: number): number {
  return (Math.imul(tag + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 24;
}

const secretLength = 32;
const chunkBytes = 2 ** 22;
/** A secret as an array of small integers is 8 bytes each. */
const overlap = 8 * secretLength;

/** How often each secret stands in memory, as bytes or as the elements of an array of numbers. One pass, about 0.1 s. */
export function occurrences(tags: readonly number[]): number[] {
  // Only the start of each needle is in memory.
  const needles = tags.flatMap((tag, index) => {
    const [first, second, third, fourth] = [0, 1, 2, 3].map((i) => secretByte(tag, i));
    return [
      { index, width: 1, start: Buffer.from([first!, second!, third!, fourth!]) },
      { index, width: 8, start: Buffer.from([first!, 0, 0, 0, 0, 0, 0, 0, second!]) },
    ];
  });
  const counts = tags.map(() => 0);
  const chunk = Buffer.alloc(chunkBytes + overlap);
  const file = openSync('/proc/self/mem', 'r');
  try {
    for (const [from, to] of writableRegions()) {
      for (let at = from; at < to; at += chunkBytes) {
        const found = chunk.subarray(0, readAt(file, chunk, at, Math.min(chunk.length, to - at)));
        for (const { index, width, start } of needles) {
          for (let hit = found.indexOf(start); hit >= 0 && hit < chunkBytes; hit = found.indexOf(start, hit + 1)) {
            let i = 0;
            while (i < secretLength && found[hit + width * i] === secretByte(tags[index]!, i)) i++;
            if (i === secretLength) counts[index]! += 1;
          }
        }
        chunk.fill(0);
      }
    }
  } finally {
    closeSync(file);
  }
  return counts;
}

/** Bytes read; none where the region is gone or has no memory behind it. */
function readAt(file: number, chunk: Buffer, at: number, length: number): number {
  try {
    return readSync(file, chunk, 0, length, at);
  } catch {
    return 0;
  }
}

function writableRegions(): [number, number][] {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .flatMap((line): [number, number][] => {
      const [, from, to, name] = /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
      if (from === undefined || to === undefined || name?.startsWith('[v')) return [];
      return [[Number.parseInt(from, 16), Number.parseInt(to, 16)]];
    });
}
