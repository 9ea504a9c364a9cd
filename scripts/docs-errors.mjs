// Writes docs/errors.md from the registry of errors: npm run docs:errors
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSource } from './source.mjs';

const file = join(import.meta.dirname, '../docs/errors.md');

/** The page, of the registry in packages/base/src. */
export function errorsPage({ errorCodes, errorMeanings }) {
  const rows = Object.entries(errorCodes).map(
    ([code, { exit, hint }]) => `| \`${code}\` | ${exit} | ${errorMeanings[code]} | ${hint} |`,
  );
  return `# Errors

Every error that is thrown on purpose is a \`CipherformerError\`: \`code\` says which, \`message\` what was wrong, where and what to do, \`hint\` what
to do in general. The command line prints \`error[code] message\` on stderr, with \`--json\` also { error: { code, message, hint } } on stdout, and ends with the exit code; 0 is success, any other error is a fault
of ours and shows its stack. Programs ask \`isCipherformerError(error)\` (\`@cipherformer/base\`) and compare \`error.code\`: classes
differ between two copies of a package, codes never do.

| code | exit | what is wrong | what to do |
|---|---|---|---|
${rows.join('\n')}

Made of \`error-codes.ts\` and \`error-meanings.ts\` of \`packages/base/src/\` by \`npm run docs:errors\`.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [base] = await loadSource('packages/base/src/index.ts');
  writeFileSync(file, errorsPage(base));
  process.exit();
}
