// Row 1: a manifest does not fill its client's disk with keys unless the client's owner agrees.

import { UsageError } from '@cipherformer/base';
import { unaskedKeyBytes } from '@cipherformer/runtime/client';
import { describe, expect, it } from 'vitest';
import { agreeOnKeyBytes } from '../../src/program/key-bytes.ts';

const asked: string[] = [];
const person = (answer: boolean) => async (question: string) => {
  asked.push(question);
  return answer;
};

describe('row 1: more than 4 GiB of evaluation keys', () => {
  it('up to there nobody is asked', async () => {
    await agreeOnKeyBytes(unaskedKeyBytes, undefined, person(false));
    await agreeOnKeyBytes(unaskedKeyBytes, undefined, undefined);
    expect(asked).toEqual([]);
  });

  it('where nobody can be asked they are refused, and the flag is named', async () => {
    const refused = agreeOnKeyBytes(5.5 * 2 ** 30, undefined, undefined);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow('5.50 GiB of evaluation keys, more than 4.00 GiB: give --max-key-bytes 6GiB');
  });

  it('a person may agree, and has to', async () => {
    await agreeOnKeyBytes(unaskedKeyBytes + 1, undefined, person(true));
    expect(asked).toEqual(['this program asks for 4.00 GiB of evaluation keys. Make them? [y/N] ']);
    await expect(agreeOnKeyBytes(unaskedKeyBytes + 1, undefined, person(false))).rejects.toThrow('no keys were made');
  });

  it('the flag allows as much as it says, and nobody is asked', async () => {
    await agreeOnKeyBytes(6 * 2 ** 30, 6 * 2 ** 30, person(false));
    await expect(agreeOnKeyBytes(6 * 2 ** 30 + 1, 6 * 2 ** 30, person(true))).rejects.toThrow('--max-key-bytes allows 6.00 GiB: give --max-key-bytes 7GiB');
    await expect(agreeOnKeyBytes(2000, 1000, person(true))).rejects.toThrow(UsageError);
  }); // biome-ignore format: a message
});
