// What a stranger does with an installation: each step's figure, for a test (test/packages.slow.test.ts) and for the check of
// other Nodes (checks/nodes.mjs).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesIn, firstExample } from './installed.mjs';

const predict = `
import { readFile } from 'node:fs/promises';
import { PolynomialModel } from 'cipherformer';
const model = await PolynomialModel.load('models/mnist-vit-polynomial');
const { results } = await model.predict(await readFile('examples/mnist/digit.png'));
console.log(results[0].labels[0].label);
`;

const servePage = `
import { serve } from 'cipherformer';
const service = await serve({ folders: ['models/mnist-vit-polynomial'], data: 'data' });
const page = await (await fetch(service.url)).text();
const [, script] = /<script[^>]* src="([^"]+)"/.exec(page) ?? [];
const code = script && (await (await fetch(new URL(script, service.url))).text());
console.log(code?.includes('canvas') ? 'a page' : page);
await service.close();
`;

const evalOriginal = ['eval', 'models/mnist-vit', '--data', 'examples/mnist', '--set', 'node_modules/cipherformer/recipes/convert/demo.json', '--limit', '100', '--json']; // biome-ignore format: one line

/** @throws with all that was printed, where a step did not end well */
function output({ code, stdout, stderr }, what) {
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout.trim();
}

/** What lies in the installation before anything runs. */
export function installedFigures({ folder }) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'));
  return {
    bytes: bytesIn(join(folder, 'node_modules')),
    installScripts: Object.values(packages).filter(({ hasInstallScript }) => hasInstallScript).length,
  };
}

/** Kernels, models in clear, a service's page; what lacks ONNX Runtime says so, and works when it is added. */
export async function smallSteps(installation) {
  const { loaded, kernelBuild } = JSON.parse(output(await installation.verb('doctor', '--json'), 'doctor'));
  const { builds } = JSON.parse(output(await installation.verb('selftest', '--json'), 'selftest'));
  const label = output(await installation.script(predict), 'predict');
  const page = output(await installation.script(servePage), 'serve');
  const without = await installation.verb(...evalOriginal);
  installation.add('onnxruntime-node');
  const { accuracy } = JSON.parse(output(await installation.verb(...evalOriginal), 'eval with ONNX Runtime'));
  installation.take('onnxruntime-node');
  return {
    kernels: loaded.build,
    builtHere: kernelBuild !== null,
    knownAnswers: builds.flatMap(({ results }) => results).filter(({ passed }) => passed).length,
    predicted: label,
    page: page === 'a page',
    withoutOnnxRuntime: without.code,
    saysHow: /npm install --ignore-scripts onnxruntime-node@[\d.]+$/.test(without.stderr.trim()),
    accuracyWithOnnxRuntime: accuracy,
  };
}

/** README's first example, at 128-bit security: what it prints. */
export async function encryptedAnswer(installation) {
  return output(await installation.script(firstExample()), 'the first example');
}

/** The demo without ONNX Runtime, at 128-bit security: whether the encrypted answer is that in clear, and what is missing. */
export async function demoWithout(installation) {
  const result = JSON.parse(output(await installation.verb('demo', '--images', '1', '--json'), 'demo'));
  return {
    agrees: result.images[0].agrees,
    leftOut: result.conversion === undefined,
    seconds: Math.round(result.seconds),
  };
}
