// Private search: documents are public and embedded in clear; the question is encrypted, and so are its scores.
//   node examples/search/search.mjs "how are keys checked" [--encrypted] [--documents file] [--model folder] [--most n]
//   node examples/search/search.mjs --save folder: the model of a search with the texts, for `cipherformer serve folder`
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect, PolynomialModel } from 'cipherformer';

const root = join(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    encrypted: { type: 'boolean', default: false },
    documents: { type: 'string' },
    model: { type: 'string', default: join(root, 'models/ag-news-bert-tiny-polynomial') },
    most: { type: 'string', default: '512' },
    save: { type: 'string' },
  },
});
const question = positionals.join(' ');
if (question === '' && !values.save)
  throw new Error('give a question: node examples/search/search.mjs "how are keys checked"');

// 1. The server's side: public documents, a line each, or the paragraphs of this project's own documentation.
const documents = (values.documents ? await linesOf(values.documents) : await paragraphs(join(root, 'docs'))).slice(
  0,
  Number(values.most),
);
const encoder = await PolynomialModel.load(values.model);
const embedded = performance.now();
const index = encoder.searching(await encoder.features(documents), documents);
say(`${documents.length} documents embedded in clear in ${seconds(embedded)}`);
if (values.save) {
  await index.save(values.save);
  say(`saved: npx cipherformer serve ${values.save} --publish-model, then open the page, or npx cipherformer query`);
}
if (question === '') process.exit();

// 2. The client's side: a question that nobody else reads, here or in clear to compare.
const asked = performance.now();
const { results } = values.encrypted ? await askEncrypted() : await index.predict(question);
say(`${values.encrypted ? 'asked under encryption, keys included,' : 'asked in clear'} in ${seconds(asked)}`);
const [{ logits, inRange }] = results;
if (!inRange) say('the question left the range that the model is made for: these scores are no answer');

// 3. Ten texts; the server saw neither the question nor which they are.
const best = logits.map((score, i) => ({ score, text: documents[i] })).sort((a, b) => b.score - a.score);
const shown = best.slice(0, 10).map(({ score, text }) => `${score.toFixed(3)}  ${text.slice(0, 160)}\n`);
process.stdout.write(shown.join(''));

async function askEncrypted() {
  const folder = await mkdtemp(join(tmpdir(), 'search-'));
  try {
    await index.save(join(folder, 'model'));
    const service = await connect(join(folder, 'model'), { progress: report() });
    try {
      return (await service.ask(question, { progress: report() })).reveal();
    } finally {
      await service.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function report() {
  let last = '';
  return ({ what }) => {
    if (what !== last) say(`${what} ...`);
    last = what;
  };
}

async function linesOf(file) {
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
}

async function paragraphs(folder) {
  const texts = [];
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.md')).sort())
    texts.push(...(await readFile(join(folder, name), 'utf8')).split(/\n\s*\n/));
  const lines = texts.map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => /^[A-Z].{60,}/.test(text));
  return lines.map((text) => text.slice(0, 2000));
}

function seconds(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
