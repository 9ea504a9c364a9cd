// The house has floors, and docs/architecture.md is its plan. Four tables say who may know whom: packages, the rooms inside
// each, what runs in browsers, and where a secret key may be known. The tests below hold them.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCycle, type Import, importsIn, importsOf, packageOf, reached, roomOf, root, sourcesIn, targetOf } from './source-graph.ts'; // biome-ignore format: one list

/** 1. Packages: each may import those beside it. */
const packages: Record<string, readonly string[]> = {
  base: [],
  approx: ['base'],
  ckks: ['base', 'approx'],
  model: ['base', 'approx'],
  nn: ['base', 'approx', 'model'],
  runtime: ['base', 'approx', 'ckks', 'model'],
  compiler: ['base', 'approx', 'ckks', 'model', 'runtime'],
  client: ['base', 'ckks', 'model', 'runtime'],
  service: ['base', 'ckks', 'model', 'runtime', 'compiler', 'client'],
  cipherformer: ['base', 'approx', 'ckks', 'model', 'nn', 'runtime', 'compiler', 'client', 'service'],
};
/** What is built for browsers, under apps/: nobody imports it. */
const apps: Record<string, readonly string[]> = {
  web: ['base', 'ckks', 'model', 'runtime', 'client'],
};

/**
 * 2. Rooms inside a package, from the ground up. A room is a folder, or a file that stands beside folders. It may import
 * rooms of the floors below; those of one floor do not know each other.
 */
const floors: Record<string, readonly (readonly string[])[]> = {
  approx: [
    ['errors.ts'],
    ['interval.ts'],
    ['numeric'],
    ['polynomial.ts', 'functions'],
    ['program'],
    ['certificate'],
    ['approximation.ts'],
    ['fit', 'serialise.ts'],
    ['programs'],
    ['search'],
    ['index.ts'],
  ],
  ckks: [
    ['errors'],
    ['kernels'],
    ['ring'],
    ['scheme/parameters'],
    ['scheme/seeds'],
    ['scheme/values'],
    ['scheme/keys'],
    // Whoever computes on ciphertexts knows no secret key, and its owner needs none of that.
    ['scheme/evaluation', 'scheme/secret'],
    ['scheme/index.ts'],
    ['circuits/linear', 'circuits/polynomial', 'wire'],
    ['circuits/noise.ts'],
    ['circuits/bootstrap'],
    ['circuits/index.ts'],
    ['index.ts'],
  ],
  model: [
    ['errors.ts'],
    ['untrusted', 'operations'],
    ['text', 'images'],
    ['graph'],
    ['inputs'],
    ['polynomial-model.ts'],
    ['answer-kind.ts', 'card.ts'],
    ['files'],
    ['files.ts', 'index.ts'],
  ],
  nn: [
    ['errors.ts', 'random.ts'],
    ['onnx', 'text', 'sources'],
    ['ops', 'data'],
    ['transformer'],
    ['checkpoints/adapter.ts', 'checkpoints/formats', 'checkpoints/model-folder.ts', 'lower', 'convert/recipe.ts'],
    ['checkpoints/huggingface', 'evaluate'],
    ['checkpoints/load.ts', 'convert/substitution'],
    ['train', 'convert/choose-recipe.ts'],
    ['convert/training'],
    ['convert/stages', 'convert/record'],
    ['convert/options.ts'],
    ['convert/convert.ts'],
    ['ablation'],
    ['index.ts'],
  ],
  runtime: [
    ['errors.ts'],
    ['program'],
    ['keys'],
    ['backends', 'protocol'],
    ['client', 'server'],
    ['index.ts', 'client.ts', 'client-files.ts', 'server.ts'],
  ],
  compiler: [
    ['errors.ts'],
    ['cost'],
    ['plan', 'packing'],
    ['passes'],
    ['program-folder.ts'],
    ['run-request.ts'],
    ['index.ts', 'costs.ts'],
  ],
  client: [
    ['errors.ts', 'protocol.ts', 'tokens.ts'],
    ['service-address.ts'],
    ['event-stream.ts', 'retry.ts', 'file-tokens.ts', 'node-fetch.ts', 'programs-seen.ts'],
    ['file-programs.ts'],
    ['http.ts', 'node.ts'],
    ['transport.ts'],
    ['upload.ts'],
    ['session.ts'],
    ['generate.ts'],
    ['browser'],
    ['index.ts', 'browser.ts', 'browser-worker.ts'],
  ],
  service: [
    ['problem.ts', 'feed.ts', 'faults.ts', 'limits.ts'],
    ['static-folder.ts', 'store'],
    ['programs.ts', 'worker'],
    ['tasks.ts', 'quotas.ts', 'worker.ts'],
    ['backend.ts'],
    ['local.ts', 'shared', 'service.ts'],
    ['tokens.ts'],
    ['http'],
    ['serve.ts'],
    ['run', 'bench'],
    ['index.ts', 'bench.ts'],
  ],
  cipherformer: [
    [
      'node-version.ts',
      'terminal',
      'measure',
      'plots',
      'shapes',
      'thread',
      'report/summary.ts',
      'report/record-schema.ts',
    ],
    ['approximations', 'evaluate', 'input', 'inspect', 'page'],
    [
      'program',
      'report/figures',
      'report/comparison.ts',
      'report/conversion-text.ts',
      'report/ranges.ts',
      'report/stability.ts',
      'report/training.ts',
      'owner',
    ],
    ['demo', 'door', 'report/ablation.ts', 'report/headline.ts', 'report/tables.ts'],
    ['report/conversion.ts', 'answers', 'bench'],
    ['commands'],
    ['cli.ts', 'index.ts', 'browser.ts'],
  ],
};

/** What a client reads and samples with. */
const clientLibraries = ['@huggingface/tokenizers', '@jsquash/jpeg', '@noble/hashes', 'fast-png', 'fflate', 'zod'];

/** 3. Entries that run in browsers too, and what of other people's they may bring along. */
const browserSafe: Record<string, readonly string[]> = {
  'packages/base/src/index.ts': [],
  'packages/approx/src/index.ts': [],
  'packages/ckks/src/index.ts': ['@noble/hashes'],
  'packages/model/src/index.ts': ['@huggingface/tokenizers', '@jsquash/jpeg', 'fast-png', 'fflate', 'zod'],
  'packages/model/src/untrusted/index.ts': ['zod'],
  'packages/runtime/src/client.ts': clientLibraries,
  'packages/client/src/index.ts': clientLibraries,
  'packages/client/src/browser.ts': clientLibraries,
  'packages/client/src/browser-worker.ts': clientLibraries,
  'packages/client/src/protocol.ts': ['zod'],
  'packages/cipherformer/src/browser.ts': [],
};

/** 4. Sides that never hold a secret key: nothing that they reach may ask for one of the names below. */
const withoutSecrets = [
  'packages/runtime/src/server.ts',
  'packages/compiler/src/index.ts',
  'packages/service/src/index.ts',
  'packages/service/src/worker.ts',
  'packages/service/src/run/worker.ts',
  'packages/cipherformer/src/commands/run.ts',
  'packages/cipherformer/src/commands/serve.ts',
  'packages/cipherformer/src/commands/token.ts',
  'packages/cipherformer/src/commands/worker.ts',
  'packages/cipherformer/src/door/server.ts',
  'packages/cipherformer/src/thread/worker.ts',
  'packages/cipherformer/src/door/serve.ts',
];
/** Everything that touches a secret key, its files, what is derived from it, or what it decrypts. */
const secretNames = [
  'SecretKey', 'KeyGenerator', 'Decryptor', 'PrivateSlots', 'DecryptedPlaintext', 'decryptToPlaintext', 'encryptSymmetric',
  'generateBootstrapKeys', 'secretKeyFromWire', 'secretKeyToWire', 'readSecretKey', 'writeSecretKey',
  'KeyPartMaker', 'KeyDigits', 'KeyDigit', 'SecretPath', 'secretPaths', 'digitInfo', 'DigitInfo', 'SharedSlots',
  'makeParts', 'derivedKeys', 'encryptInputs', 'decryptOutputs', 'PrivateAnswer', 'RevealedAnswer', 'writeKeyFolder', 'PartMemory',
  'VolatilePartMemory', 'FilePartMemory', 'partMemoryFileOf', 'verdictFileOf', 'FileVerdictLedger', 'MemoryVerdictLedger', 'ServiceSession', 'Owner', 'openSecret', 'openMaster', 'sealMaster', 'readSecretExport', 'Seat', 'serveDesk',
]; // biome-ignore format: a list

/** The engine's index exports everything: what counts is what is asked of it, so it is not walked. */
const outsideEngine = (file: string) => !file.startsWith('packages/ckks/');

const secretsReached = (imports: readonly Import[]) =>
  imports.filter(
    ({ names, specifier }) =>
      names.some((name) => secretNames.includes(name)) ||
      (/^@cipherformer\/ckks/.test(specifier) && names.some((name) => name.startsWith('*'))),
  );

const srcOf = (name: string) => join(name in apps ? 'apps' : 'packages', name, 'src');
const importsOfPackage = (name: string) => sourcesIn(srcOf(name)).flatMap(importsOf);
/** "zod" of "zod/mini", "@noble/hashes" of "@noble/hashes/sha2.js". */
const dependencyOf = (specifier: string) => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0];

describe('packages', () => {
  it('are all named here', () => {
    expect(readdirSync(join(root, 'packages')).sort()).toEqual(Object.keys(packages).sort());
    expect(readdirSync(join(root, 'apps')).sort()).toEqual(Object.keys(apps).sort());
  });

  it('stand on each other without a cycle', () => {
    expect(findCycle(new Map(Object.entries(packages)))).toBeUndefined();
  });

  for (const [name, allowed] of Object.entries({ ...packages, ...apps })) {
    const imports = importsOfPackage(name);

    it(`${name} imports only [${allowed.join(', ')}] of our packages`, () => {
      const wrong = imports.filter(({ specifier }) => {
        const target = packageOf(specifier);
        return target !== undefined && !allowed.includes(target);
      });
      expect(wrong).toEqual([]);
    });

    it(`${name} declares what it imports`, () => {
      const manifest = JSON.parse(readFileSync(join(root, srcOf(name), '../package.json'), 'utf8'));
      const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
      const used = imports.map(({ specifier }) => specifier).filter((specifier) => !/^(\.|node:)/.test(specifier));
      expect([...new Set(used.map(dependencyOf))].filter((dependency) => !(dependency in dependencies))).toEqual([]);
    });

    it(`${name} never reaches into another package by a relative path`, () => {
      const relative = imports.filter(({ specifier }) => specifier.startsWith('.'));
      expect(relative.filter((one) => !targetOf(one)!.startsWith(srcOf(name)))).toEqual([]);
    });

    it(`${name} has no cycle of files`, () => {
      const graph = new Map<string, string[]>(sourcesIn(srcOf(name)).map((file) => [file, []]));
      for (const one of imports) if (one.specifier.startsWith('.')) graph.get(one.file)!.push(targetOf(one)!);
      expect(findCycle(graph)).toBeUndefined();
    });
  }
});

describe('rooms', () => {
  it('are drawn for every package with folders', () => {
    const withFolders = Object.keys(packages).filter((name) =>
      readdirSync(join(root, srcOf(name)), { withFileTypes: true }).some((entry) => entry.isDirectory()),
    );
    expect(Object.keys(floors).sort()).toEqual(withFolders.sort());
  });

  for (const [name, levels] of Object.entries(floors)) {
    const level = new Map(levels.flatMap((rooms, i) => rooms.map((room) => [room, i] as const)));

    it(`${name}: the plan names every room, and none that is not there`, () => {
      expect([...level.keys()].sort()).toEqual([...new Set(sourcesIn(srcOf(name)).map(roomOf))].sort());
    });

    it(`${name}: rooms import downwards only`, () => {
      const wrong = importsOfPackage(name).filter((one) => {
        if (!one.specifier.startsWith('.')) return false;
        const [from, to] = [roomOf(one.file), roomOf(targetOf(one)!)];
        return from !== to && !(level.get(to)! < level.get(from)!);
      });
      expect(wrong).toEqual([]);
    });
  }
});

describe('browsers', () => {
  it.each(Object.entries(browserSafe))('%s reaches no Node, and of others only %j', (entry, allowed) => {
    const imports = reached(entry);
    const others = imports.map(({ specifier }) => specifier).filter((specifier) => !specifier.startsWith('.') && packageOf(specifier) === undefined); // biome-ignore format: short
    expect([...new Set(others.map(dependencyOf))].sort()).toEqual(allowed);
  });

  it('the protocol takes the small form of zod', () => {
    const others = reached('packages/client/src/protocol.ts').map(({ specifier }) => specifier);
    expect([...new Set(others)]).toEqual(['zod/mini']);
  });

  it('would notice: files on disk are Node’s', () => {
    expect(reached('packages/model/src/files.ts').some(({ specifier }) => specifier === 'node:fs')).toBe(true);
  });

  it('are compiled without the types of Node, in `npm run types`', () => {
    const config = JSON.parse(readFileSync(join(root, 'tsconfig.browser.json'), 'utf8'));
    expect(config.files).toEqual(Object.keys(browserSafe));
    expect(config.compilerOptions.types).toEqual([]);
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts.types).toContain('-p tsconfig.browser.json');
  }); // biome-ignore format: short
});

describe('secrets', () => {
  it.each(withoutSecrets)('%s reaches no secret key', (entry) => {
    const imports = reached(entry, outsideEngine);
    expect(imports.length).toBeGreaterThan(4);
    expect(secretsReached(imports)).toEqual([]);
  });

  it('walks into the engine of a service and its HTTP', () => {
    const files = (entry: string) => reached(entry, outsideEngine).map(({ file }) => file);
    expect(files('packages/service/src/run/worker.ts')).toContain('packages/runtime/src/backends/ckks.ts');
    expect(files('packages/cipherformer/src/commands/serve.ts')).toContain('packages/service/src/http/keysets.ts');
  });

  it.each([
    'packages/runtime/src/client.ts',
    'packages/client/src/session.ts',
    'packages/compiler/src/costs.ts',
    'packages/cipherformer/src/commands/keygen.ts',
  ])('would notice: %s does', (entry) => {
    expect(secretsReached(reached(entry, outsideEngine)).length).toBeGreaterThan(0);
  });

  it('knows every name by its file: none was renamed', () => {
    const sources = [...Object.keys(packages), ...Object.keys(apps)].flatMap((name) => sourcesIn(srcOf(name)));
    const text = sources.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    for (const name of secretNames)
      expect(text).toMatch(new RegExp(`export (?:async )?(?:function\\*?|class|interface|const|type) ${name}\\b`));
  });

  it('the HTTP side of a service knows of the engine no more than how files are written and what a secret looks like', () => {
    const files = reached('packages/service/src/serve.ts').map((one) => targetOf(one)).filter((file) => file !== undefined); // biome-ignore format: short
    const allowed =
      /^packages\/(service\/src\/|client\/src\/protocol\.ts$|ckks\/src\/wire\/(durable|storage-error|secret-start)\.ts$|base\/src\/)/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
    expect(files).toContain('packages/service/src/store/keysets.ts');
  });
});

describe('scripts', () => {
  const scripts = execFileSync('git', ['ls-files', '*.mjs'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
  const missing = (file: string, text = readFileSync(join(root, file), 'utf8')) =>
    importsIn(text, file)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map((one) => targetOf(one)!.replace(/\/dist\/(.*)\.js$/, '/src/$1.ts'))
      .filter((target) => !existsSync(join(root, target)));

  it.each(scripts)('%s imports what is there, built or not', (file) => {
    expect(missing(file)).toEqual([]);
  });

  it('would notice one that is gone', () => {
    expect(missing('scripts/a.mjs', "import { a } from '../packages/nn/dist/gone.js';")).toEqual([
      'packages/nn/src/gone.ts',
    ]);
  });
}); // biome-ignore format: short

describe('the walk', () => {
  it('sees imports in every form', () => {
    const text =
      "import a from 'x1';\nimport {\n b as c,\n type D,\n} from 'x2';\nexport * from 'x3';\nimport 'x4';\nawait import('x5');\nimport type { E } from 'x6';";
    expect(importsIn(text, 'f').map(({ names, specifier }) => [specifier, names])).toEqual([
      ['x1', ['a']], ['x2', ['b', 'D']], ['x3', ['*']], ['x4', []], ['x5', []], ['x6', ['E']],
    ]); // biome-ignore format: pairs
  });

  it('finds a cycle where there is one', () => {
    expect(findCycle(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b']); // biome-ignore format: short
    expect(findCycle(new Map([['a', ['b', 'c']], ['b', ['c']], ['c', []]]))).toBeUndefined(); // biome-ignore format: short
  });

  it('knows rooms', () => {
    expect(roomOf('packages/nn/src/convert/stages/plan.ts')).toBe('convert/stages');
    expect(roomOf('packages/nn/src/convert/convert.ts')).toBe('convert/convert.ts');
    expect(roomOf('packages/nn/src/errors.ts')).toBe('errors.ts');
  });
});
