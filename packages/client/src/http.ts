import { joinBytes } from '@cipherformer/base';
import { excerpt, parseJson as parseForeign } from '@cipherformer/model/untrusted';
import * as z from 'zod/mini';
import { ConnectionLost, ServiceError, TransportError } from './errors.ts';
import { newOwner, problem } from './protocol.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import { type TokenStore, VolatileTokens } from './tokens.ts';

/** Most bytes of an answer where nothing else is said: JSON. */
export const maxJsonBytes = 16 * 2 ** 20;
/** Most bytes that are read of a refusal. */
const maxRefusalBytes = 64 * 1024;

export interface HttpOptions {
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal;
  readonly retry?: RetryOptions;
  /** Longest time for one request and its answer, in milliseconds. Default 300 s. */
  readonly timeoutMs?: number;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Where the token of this service is kept. A service that is open gives one when there is none. Default: in memory. */
  readonly tokens?: TokenStore;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Requests to one service by fetch: answers are bounded and checked, refusals typed, what is safe is repeated. */
export class Http {
  readonly signal: AbortSignal | undefined;
  readonly retry: RetryOptions;
  readonly #base: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;
  readonly #tokens: TokenStore;
  #asking: Promise<void> | undefined;

  constructor(base: string, options: HttpOptions) {
    this.signal = options.signal;
    this.retry = options.retry ?? {};
    this.#base = base;
    this.#tokens = options.tokens ?? new VolatileTokens();
    this.#timeoutMs = options.timeoutMs ?? 300_000;
    // A browser's fetch must be called as a function of its global object.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** The answer as a document of a schema; with retries. */
  async json<T>(schema: z.core.$ZodType<T>, path: string, request?: HttpRequest): Promise<T> {
    const bytes = await this.bytes(path, request, maxJsonBytes);
    return parseJson(schema, new TextDecoder().decode(bytes), this.#base + path);
  }

  /** The answer as bytes, at most `limit`; with retries. */
  bytes(path: string, request: HttpRequest = {}, limit = maxJsonBytes): Promise<Uint8Array<ArrayBuffer>> {
    const attempt = () => gathered(this.chunks(path, request, this.#timeoutMs), limit, this.#base + path);
    return withRetries(attempt, this.retry, this.signal);
  }

  /**
   * The answer's body as it comes; one attempt.
   * @throws ServiceError for a refusal, TransportError for a redirection, ConnectionLost when nothing comes for `silentMs`
   * milliseconds or the connection breaks, and the signal's reason
   */
  async *chunks(path: string, request: HttpRequest, silentMs: number): AsyncGenerator<Uint8Array> {
    const token = await this.#tokens.get();
    try {
      yield* this.#chunksWith(token, path, request, silentMs);
    } catch (error) {
      if (!isOpenTo(error)) throw error;
      await this.#getToken(token);
      yield* this.#chunksWith(await this.#tokens.get(), path, request, silentMs);
    }
  }

  /** Becomes an owner of a service that is open: once, however many requests were refused. */
  #getToken(refused: string | undefined): Promise<void> {
    this.#asking ??= (async () => {
      if ((await this.#tokens.get()) !== refused) return;
      const asked = this.#chunksWith(undefined, '/owners', { method: 'POST' }, this.#timeoutMs);
      const text = new TextDecoder().decode(await gathered(asked, maxRefusalBytes, `${this.#base}/owners`));
      await this.#tokens.keep(parseJson(newOwner, text, `${this.#base}/owners`).token);
    })().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async *#chunksWith(
    token: string | undefined,
    path: string,
    request: HttpRequest,
    silentMs: number,
  ): AsyncGenerator<Uint8Array> {
    using watch = new Watch(silentMs, this.signal);
    try {
      const { method = 'GET', body } = request;
      const headers = { ...request.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
      const response = await this.#fetch(this.#base + path, {
        method,
        signal: watch.signal,
        // A service must not send keys and questions elsewhere.
        redirect: 'manual',
        headers,
        ...(body === undefined ? {} : { body }),
      });
      if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
        await response.body?.cancel().catch(() => {});
        throw new TransportError(
          `${this.#base} sends its clients to another address, which is not followed: give the service's own address`,
        );
      }
      if (!response.ok) throw await refusal(response);
      const reader = response.body?.getReader();
      try {
        for (;;) {
          const read = await reader?.read();
          if (read === undefined || read.done) return;
          watch.alive();
          yield read.value;
        }
      } finally {
        // Who stops early ends the connection; a stream that ended takes no notice.
        await reader?.cancel().catch(() => {});
      }
    } catch (error) {
      if (this.signal?.aborted) throw this.signal.reason;
      if (error instanceof TransportError) throw error;
      throw new ConnectionLost(
        `the connection to ${this.#base} was lost or could not be made: check that the service runs`,
        { cause: error },
      );
    }
  }
}

/** @throws TransportError for more than `limit` bytes */
async function gathered(
  from: AsyncIterable<Uint8Array>,
  limit: number,
  where: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of from) {
    length += chunk.length;
    if (length > limit)
      throw new TransportError(`the answer of ${where} is longer than ${limit} bytes: is it a service?`);
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

/** Whether the service would answer to a token that it gives for the asking. */
function isOpenTo(error: unknown): boolean {
  return error instanceof ServiceError && error.status === 401 && error.fields.open === true;
}

/** A document from a service, which may be any text. @throws TransportError */
export function parseJson<T>(schema: z.core.$ZodType<T>, text: string, where: string): T {
  let value: unknown;
  try {
    value = parseForeign(text);
  } catch (cause) {
    throw new TransportError(`${where} did not answer with JSON: check that it is the address of a service`, { cause });
  }
  const parsed = z.core.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => excerpt(path.join('.'))).slice(0, 5);
  throw new TransportError(
    `${where} answered with a document of another form (${fields.join(', ')}): client and service are of different releases`,
    { cause: parsed.error },
  );
}

export const jsonBody = (method: 'POST', value: unknown): HttpRequest => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

export const bytesBody = (method: 'POST' | 'PUT', body: Uint8Array<ArrayBuffer>): HttpRequest => ({
  method,
  headers: { 'content-type': 'application/octet-stream' },
  body,
});

/** What a refusal says, or what can be said about one that is not of our services. */
async function refusal(response: Response): Promise<ServiceError> {
  const { status } = response;
  try {
    const text = await shortText(response);
    const { code, title, detail, hint, type: _, status: __, ...fields } = problem.parse(JSON.parse(text));
    return new ServiceError({ message: detail ?? title ?? code, problem: code, hint, status, fields });
  } catch {
    return new ServiceError({
      message: `the service answered with status ${status}`,
      problem: `http-${status}`,
      status,
    });
  }
}

/** @throws RangeError for a body that is too long to be a refusal of ours */
async function shortText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const read = await reader?.read();
      if (read === undefined || read.done) return new TextDecoder().decode(joinBytes(chunks));
      length += read.value.length;
      if (length > maxRefusalBytes) throw new RangeError(`a refusal of more than ${maxRefusalBytes} bytes`);
      chunks.push(read.value);
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

/** Aborts when another signal does, or when there was no sign of life for too long. */
class Watch implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #silentMs: number;
  readonly #stop = () => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(silentMs: number, outer: AbortSignal | undefined) {
    this.#silentMs = silentMs;
    this.#outer = outer;
    outer?.addEventListener('abort', this.#stop);
    if (outer?.aborted) this.#stop();
    this.alive();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  alive(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#controller.abort(new Error(`nothing came for ${this.#silentMs} ms`)),
      this.#silentMs,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#stop);
  }
}
