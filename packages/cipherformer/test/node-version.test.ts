import { describe, expect, it } from 'vitest';
import { checkNode } from '../src/node-version.ts';

describe('checkNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '100.1.0'])('takes Node %s', (version) => {
    expect(() => checkNode(version, '>=20.19')).not.toThrow();
  });

  it.each(['18.20.8', '20.9.0', '8.17.0'])('refuses Node %s and says what to install', (version) => {
    expect(() => checkNode(version, '>=20.19')).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(`Node 20.19 or newer, and this is ${version}`) }),
    ); // biome-ignore format: one expectation
  });
});
