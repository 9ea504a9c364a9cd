// What a service is started with: options over the environment over a file, field by field.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Configuration, configure, sharedPlace } from '../../src/run/configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
const file = join(folder, 'service.json');
afterAll(() => rmSync(folder, { recursive: true }));

/** Variable, its text, what that means, and another value of a file and of an option. */
const table: [string, string, Configuration, Configuration, Configuration][] = [
  ['HOST', '::1', { host: '::1' }, { host: 'file' }, { host: 'option' }],
  ['PORT', '8081', { port: 8081 }, { port: 1 }, { port: 2 }],
  ['DATA', 'data', { data: 'data' }, { data: 'file' }, { data: 'option' }],
  ['OPEN', 'no', { open: false }, { open: true }, { open: true }],
  ['TLS_CERT', 'cert', { tlsCert: 'cert' }, { tlsCert: 'file' }, { tlsCert: 'option' }],
  ['TLS_KEY', 'key', { tlsKey: 'key' }, { tlsKey: 'file' }, { tlsKey: 'option' }],
  ['BEHIND_PROXY', '1', { behindProxy: true }, { behindProxy: false }, { behindProxy: false }],
  ['NAMES', 'a.example, b.example', { names: ['a.example', 'b.example'] }, { names: ['file'] }, { names: ['option'] }],
  ['ALLOW_ORIGINS', 'https://a.example,https://b.example', { allowOrigins: ['https://a.example', 'https://b.example'] }, { allowOrigins: [] }, { allowOrigins: ['option'] }],
  ['PUBLISH_MODEL', 'TRUE', { publishModel: true }, { publishModel: false }, { publishModel: false }],
  ['REDIS', 'redis://a', { redis: 'redis://a' }, { redis: 'redis://file' }, { redis: 'redis://option' }],
  ['BUCKET', 'b', { bucket: 'b' }, { bucket: 'file' }, { bucket: 'option' }],
  ['S3_ENDPOINT', 'http://s3', { s3Endpoint: 'http://s3' }, { s3Endpoint: 'file' }, { s3Endpoint: 'option' }],
  ['S3_REGION', 'eu', { s3Region: 'eu' }, { s3Region: 'file' }, { s3Region: 'option' }],
  ['WORKER_BYTES', '1073741824', { workerBytes: 2 ** 30 }, { workerBytes: 1 }, { workerBytes: 2 }],
  ['METRICS_PORT', '0', { metricsPort: 0 }, { metricsPort: 1 }, { metricsPort: 2 }],
  ['LOG', 'json', { log: 'json' }, { log: 'warnings' }, { log: 'warnings' }],
]; // biome-ignore format: a table

describe('a setting', () => {
  it.each(table)('CIPHERFORMER_%s goes before the file, and an option before both', async (name, text, meant, ofFile, given) => {
    writeFileSync(file, JSON.stringify({ ...ofFile, folders: ['model'] }));
    const environment = { [`CIPHERFORMER_${name}`]: text };
    expect(await configure({}, {}, file)).toEqual({ ...ofFile, folders: ['model'] });
    expect(await configure({}, environment, file)).toEqual({ ...meant, folders: ['model'] });
    expect(await configure({ ...given, folders: ['other'] }, environment, file)).toEqual({ ...given, folders: ['other'] });
    // A variable that is set to nothing is not set.
    expect(await configure({}, { [`CIPHERFORMER_${name}`]: '' })).toEqual({});
  }); // biome-ignore format: short

  it.each([
    ['PORT', 'many', /CIPHERFORMER_PORT cannot be used: port/],
    ['PORT', '70000', /CIPHERFORMER_PORT/],
    ['OPEN', 'perhaps', /CIPHERFORMER_OPEN cannot be used: open/],
    ['NAMES', 'a.example,', /CIPHERFORMER_NAMES/],
    ['WORKER_BYTES', '-1', /CIPHERFORMER_WORKER_BYTES/],
    ['LOG', 'all', /CIPHERFORMER_LOG/],
  ])('CIPHERFORMER_%s=%s is refused by its name', async (name, text, why) => {
    await expect(configure({}, { [`CIPHERFORMER_${name}`]: text })).rejects.toThrow(why);
  });

  it('of limits stands in the file, each by its name', async () => {
    writeFileSync(file, '{"limits":{"keysets":1,"jobs":2}}');
    expect(await configure({}, {}, file)).toEqual({ limits: { keysets: 1, jobs: 2 } });
    writeFileSync(file, '{"limits":{"keyset":1}}');
    await expect(configure({}, {}, file)).rejects.toMatchObject({ hint: expect.stringMatching(/limits may have keysets, ownerBytes/) });
  }); // biome-ignore format: short

  it('of several machines is whole or nothing', () => {
    expect(sharedPlace({})).toBeUndefined();
    const whole = { redis: 'redis://a', bucket: 'b', s3Endpoint: 'http://s3', s3Region: 'eu' };
    expect(sharedPlace(whole)).toEqual({ redis: 'redis://a', bucket: 'b', endpoint: 'http://s3', region: 'eu' });
    for (const half of [{ redis: 'redis://a' }, { bucket: 'b' }])
      expect(() => sharedPlace(half)).toThrow(/give both, or none/);
  });
});
