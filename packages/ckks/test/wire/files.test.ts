import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StorageError } from '../../../base/src/errors.ts';
import {
  KeyError,
  KeyGenerator,
  parametersToWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
  WireError,
  type WireObject,
} from '../../src/index.ts';
import { readSecretKey, readWireFile, writeSecretKey, writeWireFile } from '../../src/wire/files.ts';
import { failure, sameKey, secretOf, small, tiny } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'wire-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);
const secret = secretOf(small);
afterAll(() => secret[Symbol.dispose]());

/** An object whose writing goes wrong in the middle. */
function failing(bytes: number, code?: string): WireObject {
  return {
    kind: 'ciphertext',
    bytes,
    async *[Symbol.asyncIterator]() {
      yield new Uint8Array(100);
      throw Object.assign(new Error('no more'), code === undefined ? {} : { code });
    },
  };
}

describe('files', () => {
  it('a key streams to a file and back', async () => {
    using key = new KeyGenerator(secret).rotation(1);
    const object = switchingKeyToWire(key);
    await writeWireFile(path('keys'), object);
    expect(statSync(path('keys')).size).toBe(object.bytes);
    using back = await switchingKeyFromWire(small, readWireFile(path('keys')));
    sameKey(key, back);
  });

  it('are read in chunks that stay valid until the next is asked for, however long that takes', async () => {
    // Several chunks and a rest; the words count, so a chunk out of turn shows.
    const words = Uint32Array.from({ length: 3_000_001 }, (_, i) => i);
    writeFileSync(path('chunks'), words);
    let chunks = 0;
    const read = new Uint8Array(words.byteLength);
    let at = 0;
    for await (const chunk of readWireFile(path('chunks'))) {
      // The read ahead must not land in this chunk.
      await new Promise((resolve) => setTimeout(resolve, 20));
      read.set(chunk, at);
      at += chunk.length;
      chunks++;
    }
    expect(at).toBe(words.byteLength);
    expect(chunks).toBeGreaterThan(2);
    expect(Buffer.compare(read, new Uint8Array(words.buffer))).toBe(0);
  });

  it('appear whole or not at all', async () => {
    await writeWireFile(path('old'), parametersToWire(tiny.parameters));
    const before = statSync(path('old')).mtimeMs;
    await expect(writeWireFile(path('old'), failing(1000))).rejects.toThrow('no more');
    expect(statSync(path('old')).mtimeMs).toBe(before);
    await expect(writeWireFile(path('new'), failing(1000))).rejects.toThrow('no more');
    expect(readdirSync(directory).filter((name) => /new|partial/.test(name))).toEqual([]);
  });

  it('a full disk names the path and the bytes needed', async () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const error = await failure(writeWireFile(path('full'), failing(123456, code)));
      expect(error).toBeInstanceOf(StorageError);
      expect(error.message).toMatch(/cannot write .*full: it needs 123456 bytes and the disk is full/);
    }
    const error = await failure(writeWireFile(path('huge'), failing(1e15)));
    expect(error.message).toMatch(/huge: it needs 1000000000000000 bytes, \d+ are free/);
    expect(readdirSync(directory).filter((name) => /full|huge/.test(name))).toEqual([]);
  });

  it('paths that do not work', async () => {
    const object = parametersToWire(tiny.parameters);
    for (const [name, cause] of [
      ['nowhere/at/all', /no such file or directory/],
      ['keys/below', /not a directory/],
    ] as const)
      expect((await failure(writeWireFile(path(name), object))).message).toMatch(cause);
    expect((await failure(switchingKeyFromWire(small, readWireFile(path('absent'))))).message).toMatch(
      /cannot read .*absent/,
    );
    expect(await failure(switchingKeyFromWire(small, readWireFile(directory)))).toBeInstanceOf(StorageError);
    expect((await failure(switchingKeyFromWire(small, readWireFile('/dev/zero')))).message).toMatch(
      /not a regular file/,
    );
  });
});

describe('secret key files', () => {
  it('are for their owner alone', async () => {
    await writeSecretKey(path('secret'), secret);
    expect(statSync(path('secret')).mode & 0o777).toBe(0o600);
    using back = await readSecretKey(path('secret'), small);
    expect(back.exportBytes()).toEqual(secret.exportBytes());
  });

  it('are written by nothing else', async () => {
    const error = await failure(writeWireFile(path('open-secret'), secretKeyToWire(secret)));
    expect(error.message).toMatch(/others can read: write it with writeSecretKey/);
  });

  it.each([0o640, 0o604, 0o660, 0o620, 0o755])('are refused with permissions %o', async (mode) => {
    chmodSync(path('secret'), mode);
    const error = await failure(readSecretKey(path('secret'), small));
    expect(error).toBeInstanceOf(KeyError);
    expect(error.message).toMatch(new RegExp(`permissions 0${mode.toString(8)}.*run chmod 600 ${path('secret')}`));
    symlinkSync(path('secret'), path(`link-${mode}`));
    expect(await failure(readSecretKey(path(`link-${mode}`), small))).toBeInstanceOf(KeyError);
    chmodSync(path('secret'), 0o600);
  });

  it('are never replaced by accident', async () => {
    const error = await failure(writeSecretKey(path('secret'), secret));
    expect(error.message).toMatch(/already is a file of that name/);
    await writeSecretKey(path('secret'), secret, { overwrite: true });
    expect(statSync(path('secret')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('that hold something else are refused without telling what', async () => {
    writeFileSync(path('noise'), 'top secret words', { mode: 0o600 });
    const error = await failure(readSecretKey(path('noise'), small));
    expect(error).toBeInstanceOf(WireError);
    expect(error.message).not.toMatch(/top secret/);
    expect((await failure(readSecretKey(path('secret'), tiny))).message).toMatch(/made for parameters/);
  });
});
