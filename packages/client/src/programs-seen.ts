import { type ProgramChange, ProgramChanged, type SeenProgram } from './errors.ts';
import type { Program } from './protocol.ts';

/** Which programs of a service an owner has agreed to, kept beside the secret key. */
export interface ProgramMemory {
  /** @param name of programs, and what they are for */
  get(name: string): Promise<readonly SeenProgram[]>;
  keep(name: string, programs: readonly SeenProgram[]): Promise<void>;
}

/** Asks a person about a change; throws for no. */
export type AgreeChange = (change: ProgramChange) => Promise<void>;

/** Where nobody can be asked. @throws ProgramChanged */
export const refuseChange: AgreeChange = async (change) => {
  throw new ProgramChanged(change);
};

/**
 * Notes that an owner uses a program. One that took the place of another is shown first.
 * @param served all that the service has now
 * @throws what `agree` throws
 */
export async function meetProgram(
  memory: ProgramMemory,
  program: Pick<ProgramChange, 'name' | 'now' | 'keptParts' | 'newParts' | 'newBytes'>,
  served: readonly Program[],
  agree: AgreeChange,
): Promise<void> {
  const { name, now } = program;
  const seen = await memory.get(name);
  if (seen.some(({ digest }) => digest === now.digest)) return;
  const there = new Set(served.map(({ digest }) => digest));
  const before = seen.find(({ digest }) => !there.has(digest));
  if (before !== undefined) await agree({ ...program, before });
  await memory.keep(name, [...seen.filter(({ digest }) => there.has(digest)), now]);
}
