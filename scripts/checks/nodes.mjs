// The tarballs on Nodes other than the one that CI has: installed, tried, README's first example and the demo at 128-bit security.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchNode, Installation } from '../installed.mjs';
import { demoWithout, encryptedAnswer, installedFigures, smallSteps } from '../stranger.mjs';

export const description =
  'the tarballs on Node 22 and 24: installed without scripts, used without a network and without ONNX Runtime, encrypted answers';

export const targets = Object.fromEntries(
  ['22', '24'].flatMap((version) => [
    [`node${version}.bytes`, { atMost: 60e6 }],
    [`node${version}.installScripts`, { equals: 0 }],
    [`node${version}.builtHere`, { equals: false }],
    [`node${version}.knownAnswers`, { atLeast: 38 }],
    [`node${version}.predicted`, { equals: '2' }],
    [`node${version}.page`, { equals: true }],
    [`node${version}.saysHow`, { equals: true }],
    [`node${version}.accuracyWithOnnxRuntime`, { atLeast: 0.9 }],
    [`node${version}.encrypted`, { equals: '2' }],
    [`node${version}.demoAgrees`, { equals: true }],
  ]),
);

async function onNode(version, { quick, log }) {
  const work = mkdtempSync(join(tmpdir(), 'cipherformer-node-'));
  const platform = `linux-${process.arch}-gnu`;
  let installation;
  try {
    const node = await fetchNode(version, work);
    installation = await Installation.make({ platform, node });
    installation.copyShipped();
    const figures = { ...installedFigures(installation), ...(await smallSteps(installation)) };
    figures.version = (await installation.node('--version')).stdout.trim();
    log(
      `Node ${version}: ${figures.version}, ${figures.bytes} bytes, ${figures.kernels}, ${figures.knownAnswers} known answers`,
    );
    if (quick) return figures;
    figures.encrypted = await encryptedAnswer(installation);
    log(`Node ${version}: the first example answers ${figures.encrypted}`);
    const { agrees, seconds } = await demoWithout(installation);
    log(`Node ${version}: the demo without ONNX Runtime took ${seconds} s`);
    return { ...figures, demoAgrees: agrees, demoSeconds: seconds };
  } finally {
    installation?.remove();
    rmSync(work, { recursive: true, force: true });
  }
}

export async function check({ quick, log, resume }) {
  const done = { ...resume.state };
  for (const version of ['22', '24']) {
    done[version] ??= await onNode(version, { quick, log });
    resume.save(done);
  }
  return Object.fromEntries(
    Object.entries(done).flatMap(([version, figures]) =>
      Object.entries(figures).map(([name, value]) => [`node${version}.${name}`, value]),
    ),
  );
}
