#!/usr/bin/env node
const load = (file) => import(`../dist/${file}`);

try {
  await load('node-version.js');
} catch (error) {
  process.stderr.write(`error[${error.code}] ${error.message}\nhint ${error.hint}\n`);
  process.exit(2);
}
const { runCli } = await load('cli.js');
process.exitCode = await runCli(process.argv.slice(2));
