import { apiPrefix, digest, fileName, type Program } from '@cipherformer/client/protocol';
import { z } from 'zod';
import { Problem, StartError } from './problem.ts';
import { StaticFolder } from './static-folder.ts';

/** What a service tells of a program, and where its files lie. */
export interface ServedProgram {
  /** Of the program, 64 hexadecimal digits. */
  readonly digest: string;
  /** Digest of its key plan: key sets of this plan serve it. */
  readonly plan: string;
  /** Digests of other key plans that have all its keys: key sets of theirs serve it, too. */
  readonly covering?: readonly string[];
  /** What its manifest says to clients: name, task, labels, predicted costs. Public, as it is. */
  readonly summary: Program['summary'];
  /** Most bytes that a key set of its plan takes; without room for them no key set is opened. */
  readonly keyBytes?: number;
  /** Predicted processor time of a run: what its owner's day and the queue are counted by. Default: nothing. */
  readonly cpuSeconds?: number;
  /** The half that clients fetch: manifest, tokenizer, embedding. */
  readonly clientFolder: string;
  /** Names of the files in it that belong to the program. They are public; nothing else in the folder is served. */
  readonly clientFiles: readonly string[];
  /** Folder and files of the polynomial model, where it is given away. */
  readonly model?: { readonly folder: string; readonly files: readonly string[] };
  /** The folder that the engine gets. */
  readonly folder: string;
}

const servedProgram = z.strictObject({
  digest,
  plan: digest,
  covering: z.array(digest).optional(),
  summary: z.record(z.string(), z.json()),
  keyBytes: z.int().min(0).optional(),
  cpuSeconds: z.number().min(0).optional(),
  clientFolder: z.string(),
  clientFiles: z.array(fileName),
  model: z.strictObject({ folder: z.string(), files: z.array(fileName) }).optional(),
  folder: z.string(),
});

interface Entry extends ServedProgram {
  readonly client: StaticFolder;
  readonly published?: StaticFolder;
}

/** The programs of a service, with the files of their client halves. */
export class Programs {
  readonly #entries: Map<string, Entry>;

  private constructor(entries: Map<string, Entry>) {
    this.#entries = entries;
  }

  /** @throws StartError for programs that cannot be served */
  static async open(programs: readonly ServedProgram[]): Promise<Programs> {
    const entries = new Map<string, Entry>();
    for (const program of programs) {
      const checked = servedProgram.safeParse(program);
      if (!checked.success)
        throw new StartError(`a program to serve is not described well: ${z.prettifyError(checked.error)}`);
      if (entries.has(program.digest)) throw new StartError(`the program ${program.digest} is given twice`);
      const { clientFolder, clientFiles, model } = program;
      const client = await openFiles(clientFolder, clientFiles, 'the client half');
      const published = model && (await openFiles(model.folder, model.files, 'the model'));
      entries.set(program.digest, { ...program, client, ...(published ? { published } : {}) });
    }
    return new Programs(entries);
  }

  all(): Entry[] {
    return [...this.#entries.values()];
  }

  ofPlan(plan: string): Entry[] {
    return this.all().filter((program) => program.plan === plan);
  }

  /** @throws Problem 'unknown-program' */
  get(digest: string): Entry {
    const program = this.#entries.get(digest);
    if (program === undefined) {
      throw new Problem(
        'unknown-program',
        `the program ${digest} is not served here`,
        `use one that is (GET ${apiPrefix}/programs)`,
      );
    }
    return program;
  }

  has(digest: string): boolean {
    return this.#entries.has(digest);
  }

  /** The one that is served under a name and for a task: what follows one that is gone. */
  named(name: string, task: string): Entry | undefined {
    return this.all().find((program) => nameOf(program) === name && taskOf(program) === task);
  }

  /** A program as the protocol shows it. */
  view({ digest, plan, covering = [], summary, client, published }: Entry): Program {
    return {
      ...{ digest, plan, summary, files: listed(client) },
      ...(covering.length > 0 ? { covering: [...covering] } : {}),
      ...(published ? { model: listed(published) } : {}),
    };
  }
}

const listed = ({ files }: StaticFolder) => files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));

async function openFiles(folder: string, files: readonly string[], what: string): Promise<StaticFolder> {
  try {
    return await StaticFolder.open(folder, files);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`cannot read ${what} ${folder} of a program: check the path`, { cause });
  }
}

/** Whether key sets of a plan have the keys of a program. */
export const isServedBy = ({ plan, covering = [] }: ServedProgram, other: string): boolean =>
  plan === other || covering.includes(other);

/** What a program is called and what it is for: a later one of both is its successor. */
export const nameOf = ({ summary }: Pick<ServedProgram, 'summary'>): string => String(summary.name ?? '');
export const taskOf = ({ summary }: Pick<ServedProgram, 'summary'>): string => String(summary.task ?? '');
