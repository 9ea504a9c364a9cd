// Writes docs/errors.md from the registry of errors: npm run docs:errors
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSource } from './source.mjs';

const file = join(import.meta.dirname, '../docs/errors.md');

/** The page, of the registry in packages/base/src/error-codes.ts. */
export function errorsPage(errorCodes) {
  const rows = Object.entries(errorCodes).map(
    ([code, { exit, meaning, hint }]) => `| \`${code}\` | ${exit} | ${meaning} | ${hint} |`,
  );
  return `# Errors

Every error that is thrown on purpose is a \`CipherformerError\`: \`code\` says which, \`message\` what was wrong, where and what to do, \`hint\` what
to do in general. The command line prints \`error[code] message\` on stderr, with \`--json\` also { error: { code, message, hint } } on stdout, and ends with the exit code; 0 is success, any other error is a fault
of ours and shows its stack. Programs ask \`isCipherformerError(error)\` (\`@cipherformer/base\`) and compare \`error.code\`: classes
differ between two copies of a package, codes never do.

| code | exit | what is wrong | what to do |
|---|---|---|---|
${rows.join('\n')}

Made of \`packages/base/src/error-codes.ts\` by \`npm run docs:errors\`.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [{ errorCodes }] = await loadSource('packages/base/src/error-codes.ts');
  writeFileSync(file, errorsPage(errorCodes));
  process.exit();
}
