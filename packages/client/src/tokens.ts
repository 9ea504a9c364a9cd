/** Where a client keeps its token of one service: whoever has it is its owner there. */
export interface TokenStore {
  get(): Promise<string | undefined>;
  /** Resolves when it is kept: keys that are sent under a token that is lost are lost. */
  keep(token: string): Promise<void>;
}

/** A token for as long as this lives. */
export class VolatileTokens implements TokenStore {
  #token: string | undefined;

  constructor(token?: string) {
    this.#token = token;
  }

  async get(): Promise<string | undefined> {
    return this.#token;
  }

  async keep(token: string): Promise<void> {
    this.#token = token;
  }
}
