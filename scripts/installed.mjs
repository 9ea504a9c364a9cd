// The tarballs as a stranger has them: installed into an empty folder without install scripts, by a user who is not root and
// finds no compiler, then used without a network.
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // biome-ignore format: one line
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packAll } from './packages.mjs';

const run = promisify(execFile);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const asRoot = process.getuid?.() === 0;
/** Debian's and Fedora's "nobody". */
const nobody = 65534;
const stranger = asRoot ? { uid: nobody, gid: nobody } : {};

/** npm's own file, so that any Node can run it. */
async function npmFile() {
  const { stdout } = await run('npm', ['root', '-g']);
  return process.env.npm_execpath ?? join(stdout.trim(), 'npm', 'bin', 'npm-cli.js');
}

/** Bytes of all files in a folder. */
export const bytesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + lstatSync(join(parentPath, name)).size, 0);

/** The first example of README, as it stands there. */
export function firstExample() {
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  return code;
}

/** Another Node of npm's package for this platform; the path of its executable. */
export async function fetchNode(version, folder) {
  mkdirSync(folder, { recursive: true });
  const name = `node-${process.platform}-${process.arch}`;
  await run(process.execPath, [
    await npmFile(),
    'install',
    '--ignore-scripts',
    '--no-save',
    '--prefix',
    folder,
    `${name}@${version}`,
  ]);
  return join(folder, 'node_modules', name, 'bin', 'node');
}

/** An installation of all packages in a folder of its own, by a Node of choice. */
export class Installation {
  /** What is installed, and where a stranger works. */
  folder;
  #home;
  #node;

  constructor(home, node) {
    this.#home = home;
    this.#node = node;
    this.folder = join(home, 'app');
  }

  /**
   * Packs and installs. The registry is asked for the packages of others.
   * @param options.platform of native kernels, packed too; undefined for none
   * @param options.node path of the executable of a Node
   */
  static async make({ platform, node = process.execPath } = {}) {
    const home = mkdtempSync(join(tmpdir(), 'cipherformer-installed-'));
    const self = new Installation(home, node);
    const tarballs = join(home, 'tarballs');
    await packAll(tarballs, platform ? [platform] : []);
    mkdirSync(self.folder);
    mkdirSync(join(home, 'bin'));
    // Node and nothing else: a copy, as the one that runs this may be in a folder that a stranger may not enter.
    cpSync(node, join(home, 'bin', 'node'), { dereference: true });
    self.#node = join(home, 'bin', 'node');
    self.#giveAway();
    const files = [tarballs, ...(platform ? [join(tarballs, platform)] : [])].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.endsWith('.tgz')).map((name) => join(folder, name)),
    ); // biome-ignore format: short
    const npm = await npmFile();
    await self.#run(self.#node, [
      npm,
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
      ...files,
    ]);
    return self;
  }

  /** Everything belongs to the stranger. */
  #giveAway() {
    chmodSync(this.#home, 0o755);
    if (!asRoot) return;
    const paths = readdirSync(this.#home, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
      join(parentPath, name),
    );
    for (const path of [this.#home, ...paths]) chownSync(path, nobody, nobody);
  }

  get #options() {
    // How registries are reached stays as it is here; nothing that `npm run` or this project sets does.
    const kept = Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_registry)|CIPHERFORMER_|NODE_OPTIONS|VITEST)/.test(name)); // biome-ignore format: short
    // No compiler on this path.
    const own = { HOME: this.#home, PATH: join(this.#home, 'bin'), npm_config_cache: join(this.#home, 'cache') };
    const env = { ...Object.fromEntries(kept), ...own };
    return { cwd: this.folder, env, maxBuffer: 1 << 26, timeout: 900_000, ...stranger };
  }

  #run(program, args) {
    return run(program, args, this.#options);
  }

  /** Runs Node with these arguments and without a network, as the stranger; never rejects. */
  async node(...args) {
    const user = asRoot ? `setpriv --reuid=${nobody} --regid=${nobody} --clear-groups ` : '';
    const { cwd, env, maxBuffer } = this.#options;
    const script = `ip link set lo up && exec ${user}"$0" "$@"`;
    const unshare = ['--net', ...(asRoot ? [] : ['--map-root-user']), '/bin/sh', '-c', script, this.#node, ...args];
    const path = `${env.PATH}${delimiter}/usr/sbin${delimiter}/usr/bin${delimiter}/bin`;
    return new Promise((resolve) => {
      execFile('unshare', unshare, { cwd, env: { ...env, PATH: path }, maxBuffer }, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? 1) : 0, stdout, stderr }),
      );
    });
  }

  /** A verb of the installed command line. */
  verb(...args) {
    return this.node(join('node_modules', 'cipherformer', 'bin', 'cipherformer.js'), ...args);
  }

  /** Runs JavaScript, as a module in the stranger's folder. */
  async script(text) {
    const file = join(this.folder, 'example.mjs');
    writeFileSync(file, text);
    return this.node(basename(file));
  }

  /** What README says to copy for its examples. */
  copyShipped() {
    for (const name of ['models', 'examples'])
      cpSync(join(this.folder, 'node_modules', 'cipherformer', name), join(this.folder, name), { recursive: true });
    this.#giveAway();
  }

  #path(name) {
    return join(this.folder, 'node_modules', name);
  }

  /** Puts a package of this checkout into the installation, by a link: what it depends on lies beside it here. */
  add(name) {
    const from = realpathSync(join(root, 'node_modules', name));
    symlinkSync(from, this.#path(name));
  }

  /** Takes an added one away again. */
  take(name) {
    rmSync(this.#path(name));
  }

  remove() {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
