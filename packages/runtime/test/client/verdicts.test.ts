// The counts of a key's verdicts: written before anybody hears of one, over processes and kills, and never lower.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '@cipherformer/ckks';
import fc from 'fast-check';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileVerdictLedger, verdictFileOf } from '../../src/client/verdict-file.ts';
import { MemoryVerdictLedger, noVerdicts, type VerdictEntry, type VerdictLedger, withEntry } from '../../src/client/verdicts.ts'; // biome-ignore format: short
import { FileError, KeyUseError, ResultError } from '../../src/errors.ts';
import { Machine, randomVector, slots } from '../backends/support.ts';
import { manifestOf, Protocol, squares } from '../protocol/protocol.ts';

const folder = mkdtempSync(join(tmpdir(), 'verdicts-'));
let files = 0;
const newFile = () => verdictFileOf(join(folder, `${files++}`));
const key = 'ab'.repeat(16);
let context: Context;

beforeAll(async () => {
  context = await Machine.context();
});
afterAll(() => {
  context[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const entries = fc.oneof(
  fc.record({ dishonest: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ outOfRange: fc.integer({ min: 1, max: 1000 }) }),
  fc.record({ allowed: fc.integer({ min: 1, max: 2000 }) }),
);

describe('row 2: the file of counts', () => {
  it('keeps what it is told, by its owner alone, and no count ever falls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entries, { maxLength: 8 }), async (list: VerdictEntry[]) => {
        const path = newFile();
        const file = await FileVerdictLedger.create(path, key);
        const memory = new MemoryVerdictLedger();
        let before = await file.load();
        expect(before).toEqual(noVerdicts);
        for (const entry of list) {
          const now = await file.record(entry);
          expect(now).toEqual(await memory.record(entry));
          for (const name of ['dishonest', 'outOfRange', 'allowed'] as const)
            expect(now[name]).toBeGreaterThanOrEqual(before[name]);
          before = now;
        }
        expect(await new FileVerdictLedger(path, key).load()).toEqual(before);
        expect(statSync(path).mode & 0o777).toBe(0o600);
      }),
      { numRuns: 20 },
    );
  });

  it('is never started again, and refuses to be lost or exchanged', async () => {
    const path = newFile();
    await expect(new FileVerdictLedger(path, key).load()).rejects.toThrow('put it back');
    await expect(new FileVerdictLedger(path, key).record({ dishonest: 1 })).rejects.toThrow(FileError);
    await FileVerdictLedger.create(path, key);
    await expect(FileVerdictLedger.create(path, key)).rejects.toThrow('never started again');
    const other = new FileVerdictLedger(path, 'cd'.repeat(16));
    const whole = readFileSync(path, 'utf8');
    await expect(other.load()).rejects.toThrow('counts for the secret key');
    await expect(other.record({ dishonest: 1 })).rejects.toThrow(FileError);
    expect(readFileSync(path, 'utf8')).toBe(whole);
    // Row 9: whatever its first line names.
    writeFileSync(path, whole.replace(key, '\\u001b[2J\\u009b1m\\u202e'));
    await expect(other.load()).rejects.toThrow('the secret key \\u001b[2J...');
  });

  it('an entry that was cut while it was written counts nothing and spoils none after it', async () => {
    const path = newFile();
    const ledger = await FileVerdictLedger.create(path, key);
    await ledger.record({ outOfRange: 5 });
    const whole = readFileSync(path, 'utf8');
    const entry = '\n{"dishonest":1}\n';
    for (let length = 1; length < entry.length - 2; length++) {
      writeFileSync(path, whole + entry.slice(0, length));
      expect((await ledger.record({ outOfRange: 2 })).outOfRange).toBe(7);
      expect((await ledger.load()).dishonest).toBe(0);
    }
  });

  it('whatever else stands in it, it is refused, never read as less', async () => {
    const path = newFile();
    const ledger = await FileVerdictLedger.create(path, key);
    const whole = readFileSync(path, 'utf8');
    for (const line of ['{"dishonest":0}', '{"dishonest":-1}', '{"outOfRange":1.5}', '{"allowed":1e300}', '{}', '{"more":1}', 'x}', '{"dishonest":1,"outOfRange":1}']) {
      writeFileSync(path, `${whole}${line}\n`);
      await expect(ledger.load(), line).rejects.toThrow('is damaged');
    } // biome-ignore format: a list
    for (const text of ['', '\n', '{}\n', 'null', whole.replace('1', '2'), '{"dishonest":1}\n']) {
      writeFileSync(path, text);
      await expect(ledger.load(), text).rejects.toThrow(FileError);
    }
  });
});

/** A process that counts `times` examples one by one, and prints the number of each when it is counted. */
async function counter(): Promise<(path: string, times: number) => ChildProcess> {
  const source = join(folder, 'child.mjs');
  const ledger = join(import.meta.dirname, '../../src/client/verdict-file.ts');
  writeFileSync(
    source,
    `import { FileVerdictLedger } from ${JSON.stringify(ledger)};
const [path, times] = process.argv.slice(2);
const ledger = new FileVerdictLedger(path, '${key}');
for (let i = 1; i <= Number(times); i++) { await ledger.record({ outOfRange: 1 }); process.stdout.write(i + '\\n'); }`,
  );
  await build({
    ...{ configFile: false, logLevel: 'silent', root: folder },
    ...{
      build: { ssr: source, outDir: join(folder, 'built'), emptyOutDir: false },
      ssr: { noExternal: true as const },
    },
  });
  return (path, times) => spawn(process.execPath, [join(folder, 'built/child.mjs'), path, `${times}`], { stdio: ['ignore', 'pipe', 'inherit'] }); // biome-ignore format: short
}

const ended = (child: ChildProcess) => new Promise<void>((resolve) => child.once('close', () => resolve()));

describe('row 2: counts over processes', () => {
  let start: Awaited<ReturnType<typeof counter>>;
  beforeAll(async () => {
    start = await counter();
  });

  it('of several at once, none is lost', async () => {
    const path = newFile();
    const ledger = await FileVerdictLedger.create(path, key);
    const children = [60, 60, 60].map((times) => start(path, times));
    await Promise.all([...children.map(ended), ...Array.from({ length: 20 }, () => ledger.record({ dishonest: 1 }))]);
    expect(await ledger.load()).toEqual({ ...noVerdicts, outOfRange: 180, dishonest: 20 });
  });

  it('of one that is killed at any moment: what was shown was counted', async () => {
    for (const kills of [1, 2, 5, 11]) {
      const path = newFile();
      const ledger = await FileVerdictLedger.create(path, key);
      const child = start(path, 1_000_000);
      let shown = 0;
      child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        shown += text.split('\n').length - 1;
        if (shown >= kills) child.kill('SIGKILL');
      });
      await ended(child);
      const { outOfRange } = await ledger.load();
      expect(shown).toBeGreaterThanOrEqual(kills);
      expect(outOfRange).toBeGreaterThanOrEqual(shown);
    }
  });
});

/** A program whose inputs beyond 1 are out of range, `batch` at once. */
function limited(batch = 1): Protocol {
  const program = squares(3);
  const outputs = program.outputs.map((output) => ({ ...output, limit: 2 }));
  const own = { ...program, outputs };
  return new Protocol(context, own, manifestOf(own, 'ab'.repeat(32), batch));
}

describe('row 2: decrypting counts before it answers', () => {
  const far = randomVector(7, 3);
  const near = randomVector(8);

  it('a process that ends between count and verdict has counted, and shown nothing', async () => {
    using protocol = limited();
    const { request, result } = await protocol.ask(far);
    const path = newFile();
    const ledger = await FileVerdictLedger.create(path, key);
    const dies: VerdictLedger = {
      load: () => ledger.load(),
      async record(entry) {
        await ledger.record(entry);
        throw new Error('killed');
      },
    };
    await expect(protocol.decrypt(request, result, { ledger: dies })).rejects.toThrow('killed');
    expect((await new FileVerdictLedger(path, key).load()).outOfRange).toBe(1);
    const forged = await protocol.seal('00'.repeat(32), []);
    await expect(protocol.decrypt(request, forged, { ledger: dies, pairedByProgram: true })).rejects.toThrow('killed');
    expect((await ledger.load()).dishonest).toBe(1);
  });

  it('where the count cannot be written, there is no answer', async () => {
    using protocol = limited();
    const { request, result } = await protocol.ask(far);
    const path = newFile();
    const ledger = await FileVerdictLedger.create(path, protocol.machine.secret.id);
    appendFileSync(path, '{"damaged"}\n');
    await expect(protocol.decrypt(request, result, { ledger })).rejects.toThrow(FileError);
  });

  it('in range: nothing is counted', async () => {
    using protocol = limited();
    const { request, result } = await protocol.ask(near);
    const ledger = new MemoryVerdictLedger();
    await protocol.decrypt(request, result, { ledger });
    expect(await ledger.load()).toEqual(noVerdicts);
  });

  it('of a batch each example that is read, not the padding', async () => {
    using protocol = limited(4);
    const part = slots / 4;
    const { request, result } = await protocol.ask(near.slice(0, part), far.slice(0, part), far.slice(part, 2 * part));
    const ledger = new MemoryVerdictLedger();
    const answers = await protocol.decrypt(request, result, { ledger });
    expect(answers.map(({ inRange }) => inRange)).toEqual([true, false, false]);
    expect((await ledger.load()).outOfRange).toBe(2);
  });

  it('what no server makes counts; what a person may have mixed up does only where a program paired it', async () => {
    using protocol = limited();
    const [one, other] = [await protocol.ask(near), await protocol.ask(near)];
    const ledger = new MemoryVerdictLedger();
    const refusal = (verdicts: { pairedByProgram?: boolean }, result = other.result) =>
      protocol.decrypt(one.request, result, { ledger, ...verdicts }).then(() => undefined, (error: unknown) => error); // biome-ignore format: one call
    const count = async () => (await ledger.load()).dishonest;
    expect(await refusal({})).toBeInstanceOf(ResultError);
    expect(await count()).toBe(0);
    expect(await refusal({ pairedByProgram: true }, one.result.subarray(0, 50))).toBeInstanceOf(ResultError);
    expect(await count()).toBe(0);
    expect(await refusal({ pairedByProgram: true })).toBeInstanceOf(ResultError);
    expect(await count()).toBe(1);
    const empty = await protocol.seal(one.request.hash, []);
    for (const number of [2, 3]) {
      expect(await refusal({}, empty)).toMatchObject({ fault: 'dishonest' });
      expect(await count()).toBe(number);
    }
    expect(await refusal({}, one.result)).toMatchObject({ limit: 'locked' });
    expect(await count()).toBe(3);
  });

  it('the owner is asked once 256 are counted, and before a result that would pass them is shown', async () => {
    using protocol = limited(4);
    const part = slots / 4;
    const two = await protocol.ask(far.slice(0, part), far.slice(part, 2 * part));
    const asked: number[] = [];
    const ask = (yes: boolean) => (counts: { outOfRange: number }) => {
      asked.push(counts.outOfRange);
      return yes;
    };
    const ledger = new MemoryVerdictLedger();
    await ledger.record({ outOfRange: 255 });
    const decrypt = (yes?: boolean) =>
      protocol.decrypt(two.request, two.result, { ledger, ...(yes === undefined ? {} : { allowMore: ask(yes) }) });
    // Shown they would be 257: counted, not shown.
    await expect(decrypt(false)).rejects.toThrow(KeyUseError);
    await expect(decrypt()).rejects.toMatchObject({ limit: 'outOfRange' });
    expect([asked, (await ledger.load()).outOfRange]).toEqual([[257], 257]);
    expect(await decrypt(true)).toHaveLength(2);
    expect([asked, await ledger.load()]).toEqual([[257, 257], { dishonest: 0, outOfRange: 259, allowed: 513 }]);
    // The next 254 need no question.
    expect(await decrypt()).toHaveLength(2);
  });

  it('no order of entries lowers a count', () => {
    fc.assert(
      fc.property(fc.array(entries), entries, (list: VerdictEntry[], entry: VerdictEntry) => {
        const before = list.reduce(withEntry, noVerdicts);
        const after = withEntry(before, entry);
        for (const name of ['dishonest', 'outOfRange', 'allowed'] as const)
          expect(after[name]).toBeGreaterThanOrEqual(before[name]);
      }),
    );
  });
});
