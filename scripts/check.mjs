// npm run check                      lists the checks that are run by hand
// npm run check <name>               runs one, or goes on with it where it was interrupted, and writes docs/records/<name>.json
//   -- --seed <n>                    instead of a random seed
//   -- --quick                       a small version, which leaves no record
//   -- --restart                     forget an interrupted run
//   -- --base <folder>               another checkout, for checks that compare with one
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNames, checkout, loadCheck, machine, missedTargets, recordsFolder, statesFolder } from './records.mjs';

const say = (line) => process.stderr.write(`${line}\n`);

function fail(message) {
  say(message);
  process.exit(2);
}

function writeWhole(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

function parse() {
  const options = {
    seed: { type: 'string' },
    quick: { type: 'boolean' },
    restart: { type: 'boolean' },
    base: { type: 'string' },
  };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (positionals.length > 1) throw new Error(`one check at a time, not ${positionals.join(' and ')}`);
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
      throw new Error(`--seed is ${values.seed}: give a whole number from 0 to ${2 ** 32 - 1}`);
    const { quick = false, restart = false, base } = values;
    return { name: positionals[0], seed, quick, restart, base };
  } catch (error) {
    return fail(`${error.message}. Usage: npm run check [name] [-- --seed n --quick --restart --base folder]`);
  }
}

async function list() {
  for (const name of checkNames()) process.stdout.write(`${name.padEnd(16)}${(await loadCheck(name)).description}\n`);
}

/** The state of an interrupted run of this very commit and seed, or a new one. */
function begin(file, { seed, quick, restart }) {
  if (restart) rmSync(file, { force: true });
  const { commit, dirty } = checkout();
  if (!existsSync(file)) return { commit, dirty, quick, seed: seed ?? randomInt(2 ** 32), seconds: 0 };
  const run = JSON.parse(readFileSync(file, 'utf8'));
  if (run.commit !== commit || run.quick !== quick || (seed !== undefined && seed !== run.seed))
    fail(
      `${file} is of an interrupted run of commit ${run.commit.slice(0, 12)}, seed ${run.seed}${run.quick ? ', quick' : ''}: ` +
        'give the same again to go on, or --restart to forget it',
    );
  return { ...run, dirty: run.dirty || dirty };
}

async function run(name, options) {
  const { check, targets } = await loadCheck(name);
  const file = join(statesFolder, `${name}.json`);
  const begun = begin(file, options);
  const { commit, seed, quick } = begun;
  say(`${name}: commit ${commit.slice(0, 12)}${begun.dirty ? ' with changes' : ''}, seed ${seed}`);
  if (begun.state !== undefined) say(`going on after ${Math.round(begun.seconds)} s`);
  const start = performance.now();
  const seconds = () => begun.seconds + (performance.now() - start) / 1000;
  process.once('SIGINT', () => {
    say('\nstopped: the same command goes on from the last piece that was finished');
    process.exit(130);
  });
  const figures = await check({
    seed,
    quick,
    base: options.base,
    log: (line) => say(`${Math.round(seconds())} s: ${line}`),
    resume: { state: begun.state, save: (state) => writeWhole(file, { ...begun, seconds: seconds(), state }) },
  });
  const date = new Date().toISOString().slice(0, 10);
  const dirty = begun.dirty || checkout().dirty;
  const record = { name, commit, dirty, seed, machine: machine(), date, seconds: Math.round(seconds()), figures };
  if (!quick) writeWhole(join(recordsFolder, `${name}.json`), record);
  rmSync(file, { force: true });
  process.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
  // What depends on the size of the run is not for a quick one to reach.
  const missed = missedTargets(figures, quick ? {} : targets);
  for (const line of missed) say(line);
  // Whatever a check has left open.
  process.exit(missed.length > 0 ? 1 : 0);
}

const { name, ...options } = parse();
if (name === undefined) await list();
else if (checkNames().includes(name)) await run(name, options);
else fail(`there is no check "${name}": npm run check lists them (${checkNames().join(', ')})`);
