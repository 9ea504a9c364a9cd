import { Problem } from '../problem.ts';
import type { StoreContext } from './context.ts';
import { newOwnerId, newToken, tokenHash } from './ids.ts';
import type { OwnerRow, Rows } from './rows.ts';

/** Whoever is on this machine, where no token is asked for. */
export const localOwner = 'local';

/** Owners and their tokens, of which the hash alone is kept. */
export class OwnerStore {
  readonly #rows: Rows;
  readonly #now: () => number;

  constructor({ rows, now }: Pick<StoreContext, 'rows' | 'now'>) {
    this.#rows = rows;
    this.#now = now;
  }

  /** The owner of this machine. */
  async local(): Promise<OwnerRow> {
    const owner: OwnerRow = { id: localOwner, kind: 'local', name: null, token: null, created: this.#now() };
    await this.#rows.addOwner(owner);
    return owner;
  }

  /** @throws Problem 'bad-token' */
  async ofToken(token: string): Promise<OwnerRow> {
    const owner = await this.#rows.ownerOfToken(tokenHash(token));
    if (owner === undefined)
      throw new Problem(
        'bad-token',
        'this token opens nothing here: it was revoked, expired, or is of another service',
        'ask who runs the service for one; where it is open, get a new one (POST /v1/owners) and send the keys again',
      );
    return owner;
  }

  /** A new owner, and the token that is theirs: it is told once. Undefined where the name is taken. */
  async add(
    kind: 'token' | 'open',
    name: string | null = null,
  ): Promise<{ owner: OwnerRow; token: string } | undefined> {
    const token = newToken();
    const owner: OwnerRow = { id: newOwnerId(), kind, name, token: tokenHash(token), created: this.#now() };
    return (await this.#rows.addOwner(owner)) ? { owner, token } : undefined;
  }
}
