// A secret key as a file that a passphrase opens: whole, with its counts; anything else is refused by its name.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMaster, sealMaster } from '../../src/browser/sealing.ts';
import { readSecretExport, writeSecretExport } from '../../src/browser/secret-export.ts';

const passphrase = 'correct horse battery';
const secret = {
  master: Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1),
  service: 'https://service.example',
  token: `cf_${'a'.repeat(43)}`,
  verdicts: [['0123456789abcdef0123456789abcdef', { dishonest: 2, outOfRange: 5, allowed: 256 }]] as const,
};
const file = await writeSecretExport(secret, passphrase);

describe('an exported secret key', () => {
  it('is read as it was written, by its passphrase however it was typed', async () => {
    expect(await readSecretExport(file, passphrase)).toEqual(secret);
    const composed = await writeSecretExport(secret, 'Zürich, am See');
    expect((await readSecretExport(composed, 'Zu\u0308rich, am See')).master).toEqual(secret.master);
  });

  it('shows nothing of the key, and is never the same twice', async () => {
    const text = Buffer.from(file).toString('latin1');
    expect(text.includes(Buffer.from(secret.master.subarray(0, 6)).toString('latin1'))).toBe(false);
    expect(text).not.toContain('service.example');
    expect(Buffer.from(await writeSecretExport(secret, passphrase)).equals(file)).toBe(false);
  });

  it('is not opened by another passphrase, and not sealed with a short one', async () => {
    await expect(readSecretExport(file, 'correct horse batterx')).rejects.toMatchObject({ code: 'wrong-passphrase' });
    await expect(writeSecretExport(secret, 'short')).rejects.toThrow(/at least 12 characters/);
  });

  it('is refused where a byte was changed', async () => {
    for (const at of [0, 8, 20, 40, 60, file.length - 1]) {
      const changed = file.slice();
      changed[at]! ^= 1;
      await expect(readSecretExport(changed, passphrase)).rejects.toMatchObject({ code: expect.stringMatching(/bad-file|wrong-passphrase/) }); // biome-ignore format: one call
    }
  });

  it('is refused by its name where it is something else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expect(readSecretExport(new Uint8Array(bytes), passphrase)).rejects.toMatchObject({ code: 'bad-file' });
      }),
      { numRuns: 200 },
    );
  });
});

describe('a sealed master', () => {
  it('opens for its own service alone', async () => {
    const sealed = await sealMaster(secret.master, 'https://a.example');
    expect(await openMaster(sealed, 'https://a.example')).toEqual(secret.master);
    await expect(openMaster(sealed, 'https://b.example')).rejects.toThrow();
    await expect(crypto.subtle.exportKey('raw', sealed.key)).rejects.toThrow();
  });

  it('needs its passphrase', async () => {
    const sealed = await sealMaster(secret.master, 'https://a.example', passphrase);
    expect(await openMaster(sealed, 'https://a.example', passphrase)).toEqual(secret.master);
    await expect(openMaster(sealed, 'https://a.example')).rejects.toMatchObject({ code: 'passphrase-needed' });
    await expect(openMaster(sealed, 'https://a.example', 'x')).rejects.toMatchObject({ code: 'wrong-passphrase' });
  });
});
