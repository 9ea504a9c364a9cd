// Whoever wrote a program chose how many evaluation keys it asks for: its owner agrees to many.
import { unaskedKeyBytes } from '@cipherformer/runtime/client';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { agreedKeyBytes } from '../../src/program/key-bytes.ts';

const terminal = vi.hoisted(() => ({ person: false, yes: false, asked: [] as string[] }));
vi.mock('../../src/terminal/confirm.ts', () => ({
  canAsk: () => terminal.person,
  confirm: async (question: string) => {
    terminal.asked.push(question);
    return terminal.yes;
  },
}));
const person = (yes: boolean) => Object.assign(terminal, { person: true, yes });
const refusal = { code: 'key-limit', message: expect.stringContaining('none was made') };

describe('row 1: more than 4 GiB of evaluation keys', () => {
  beforeEach(() => Object.assign(terminal, { person: false, yes: false, asked: [] }));

  it('up to 4 GiB are made without a question', async () => {
    person(false);
    expect(await agreedKeyBytes(unaskedKeyBytes)).toBe(unaskedKeyBytes);
    expect(terminal.asked).toEqual([]);
  });

  it('above that are refused where nobody can be asked, with the sizes', async () => {
    await expect(agreedKeyBytes(5.5 * 2 ** 30)).rejects.toMatchObject(refusal);
    await expect(agreedKeyBytes(5.5 * 2 ** 30)).rejects.toThrow(
      'asks for 5.50 GiB of evaluation keys, 4.00 GiB are allowed',
    );
  });

  it('above that are made if a person says so, and then no more of them', async () => {
    person(true);
    expect(await agreedKeyBytes(unaskedKeyBytes + 1)).toBe(unaskedKeyBytes + 1);
    expect(terminal.asked).toEqual([expect.stringContaining('4.00 GiB of evaluation keys')]);
    person(false);
    await expect(agreedKeyBytes(unaskedKeyBytes + 1)).rejects.toMatchObject(refusal);
  });

  it('up to a limit of one’s own are made without a question', async () => {
    expect(await agreedKeyBytes(6 * 2 ** 30, 6 * 2 ** 30)).toBe(6 * 2 ** 30);
    await expect(agreedKeyBytes(2000, 1000)).rejects.toMatchObject(refusal);
  });
});
