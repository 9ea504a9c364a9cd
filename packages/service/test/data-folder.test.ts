import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from '../src/index.ts';
import { dataFolderMarker, openDataFolder } from '../src/store/data-folder.ts';
import { hex, serve, type Workspace, workspace } from './support.ts';

let place: Workspace;
beforeEach(() => {
  place = workspace();
});
afterEach(() => place.dispose());
const noWorker = () => {
  throw new Error('no worker in this test');
};
const start = async () => (await serve({ ...place.options(''), spawnWorker: noWorker })).close();
const tree = () => readdirSync(place.data, { recursive: true }).toSorted();

describe('the data folder', () => {
  it.each([
    ['absent', () => {}],
    ['empty', () => mkdirSync(place.data)],
    ['the root of a disk', () => mkdirSync(join(place.data, 'lost+found'), { recursive: true })],
    [
      'one where a crash came at the first moment',
      () => {
        mkdirSync(place.data);
        writeFileSync(join(place.data, `${dataFolderMarker}.1.partial`), '{');
      },
    ],
  ])('is made of one that is %s, and opens again', async (_, make) => {
    make();
    await start();
    expect(readdirSync(place.data).filter((name) => name.startsWith(dataFolderMarker))).toEqual([dataFolderMarker]);
    await start();
  });

  it.each([
    ['keys of keygen', [hex('a part'), 'list.json']],
    ['what looks like ours', [`parts/${hex('a part')}`, 'keysets/mine.partial/file', 'jobs/mine.partial/file']],
    ['one hidden file', ['.hidden']],
  ])('is never a folder of something else: %s stay as they are', async (_, names) => {
    for (const name of names) {
      mkdirSync(join(place.data, name, '..'), { recursive: true });
      writeFileSync(join(place.data, name), 'mine');
    }
    const before = tree();
    const failed = await start().then(() => undefined, (error: unknown) => error); // biome-ignore format: short
    expect(failed).toBeInstanceOf(StartError);
    expect(String(failed)).toMatch(/is no data folder of a service.*choose another folder/);
    expect(tree()).toEqual(before);
  });

  it.each([
    ['', /is damaged/],
    ['null', /is damaged/],
    ['['.repeat(1e5), /is damaged/],
    ['{"format":"cipherformer-service","version":1}', /is of an older release.*make and send their keys again/],
    ['{"format":"cipherformer-service","version":3}', /is of a newer release.*use that release/],
  ])('is refused with a marker that this release does not write: %j', async (text, message) => {
    await openDataFolder(place.data);
    writeFileSync(join(place.data, dataFolderMarker), text);
    await expect(start()).rejects.toThrow(message);
    expect(readFileSync(join(place.data, dataFolderMarker), 'utf8')).toBe(text);
    expect(readdirSync(place.data)).toEqual([dataFolderMarker]);
  });
});
