// Row 10: what strangers wrote is shown on a terminal, not obeyed by it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteSize } from '../../src/terminal/numbers.ts';
import { renderTable } from '../../src/terminal/table.ts';
import { showable } from '../../src/terminal/text.ts';
import { cli } from '../commands/cli.ts';

const obeyed = /(?!\n|\t)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

describe('row 10: text on a terminal', () => {
  it('holds no control characters but line feeds and tabs, whatever it is made from', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(showable(`x${text}`.replaceAll('\u001b', '\u009b'))).not.toMatch(obeyed);
      }),
    );
  });

  it('keeps our own bold and colours, and nothing that moves, hides, asks or titles', () => {
    expect(showable('\u001b[31mred\u001b[39m \u001b[1mbold\u001b[22m')).toBe(
      '\u001b[31mred\u001b[39m \u001b[1mbold\u001b[22m',
    );
    for (const sequence of ['[2J', '[8m', '[1;1H', ']0;title\u0007', '[6n', '[?25l', 'c', '[31;8m'])
      expect(showable(`a\u001b${sequence}b`)).not.toMatch(obeyed);
    expect(showable('a\u202eb\r\u0085')).toBe('a\\u202eb\\u000d\\u0085');
  });

  it('in tables and errors: names of files and parts', async () => {
    expect(renderTable(['a\u001b[2J'], [['\u009b2J'], ['b\u202ec']])).not.toMatch(obeyed);
    for (const argv of [['explain', '\u001b[2J\u202e'], ['decrypt', '/no\u009b/x.json', '--keys', 'k', '--input', 'i', '--request', 'r'], ['\u001b]0;x\u0007'], ['explain', 'x', '--\u001b[2J']]) {
      const { code, err } = await cli(...argv);
      expect(code).not.toBe(0);
      expect(err).not.toMatch(obeyed);
      expect(err).toMatch(/\\u00(1b|9b)/);
    } // biome-ignore format: a list
  });
});

describe('sizes', () => {
  it.each([['6GiB', 6 * 2 ** 30], ['1.5 GiB', 1.5 * 2 ** 30], ['4096', 4096], ['2TiB', 2 ** 41]])('%s', (text, bytes) => {
    expect(byteSize(text)).toBe(bytes);
  }); // biome-ignore format: pairs

  it.each(['', '0', '-1', '6GB', '6 gib', '1e9', 'Infinity', '0x10', '9e99TiB', '99999999TiB', '1.2.3'])('%s is none', (text) => {
    expect(() => byteSize(text)).toThrow('6GiB');
  }); // biome-ignore format: a title
});
