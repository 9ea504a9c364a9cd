// What a compilation that was killed leaves beside its program is gone after the next one; what others still write is not.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { savePolynomialModel } from '@cipherformer/model/files';
import { expect, it } from 'vitest';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';

it('a folder that a killed process began is removed by the next compilation of that name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leftovers-'));
  try {
    savePolynomialModel(join(folder, 'model'), tinyModel(3));
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const begun = (name: string, machine: string, id: number) => {
      const path = `${name}.${machine}-${id}.${randomUUID()}.partial`;
      mkdirSync(join(folder, path, 'client'), { recursive: true });
      writeFileSync(join(folder, path, 'client', 'manifest.json'), '{}');
      return path;
    };
    begun('program', hostname(), gone);
    const kept = [
      begun('program', hostname(), process.pid),
      begun('program', 'another-machine', gone),
      begun('program2', hostname(), gone),
    ];
    await writeProgram(join(folder, 'model'), join(folder, 'program'), {}, insecureParameters());
    expect(readdirSync(folder).sort()).toEqual([...kept, 'model', 'program'].sort());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
