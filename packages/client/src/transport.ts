import { toHex } from '@cipherformer/base';
import { sha256 } from '@cipherformer/ckks';
import { excerpt } from '@cipherformer/model/untrusted';
import * as z from 'zod/mini';
import { TransportError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import { bytesBody, Http, type HttpOptions, jsonBody, maxJsonBytes, parseJson } from './http.ts';
import {
  apiPrefix,
  isFinal,
  type Job,
  job,
  jobs,
  type KeyList,
  type Keyset,
  keyset,
  keysets,
  missingAnswer,
  type OpenKeyset,
  type Program,
  programs,
} from './protocol.ts';
import { isPassing, pause } from './retry.ts';
import { serviceOf } from './service-address.ts';
import { VolatileTokens } from './tokens.ts';

/** The service gives a sign of life every 15 s: without one for this long the connection is dead. */
const silentEventsMs = 45_000;
/** This machine, by http:// as well. */
const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
/** Longest time for what is said to a service at the end. */
const abandonMs = 5000;
/** The file of a program that names the others. */
const manifestFile = 'manifest.json';
/** Most bytes of a file of a program: embeddings of large vocabularies. */
const maxFileBytes = 2 ** 30;
/** Most bytes of a result: some ciphertexts. */
const maxResultBytes = 2 ** 28;
/** Longest time for the note that a result has arrived. */
const acknowledgeMs = 2000;
/** Between questions whether a key set has been verified. */
const pollMs = 500;

/**
 * The routes of a service, one method each. Everything may be repeated safely, so a lost connection, 429 and 503 are
 * tried again.
 * @throws ServiceError where the service refuses, TransportError where it cannot be reached or understood, and the
 * signal's reason
 */
export class Transport {
  readonly #http: Http;
  readonly #url: string | URL;
  readonly #options: HttpOptions;

  /** @param url of the service, such as http://localhost:8080 */
  constructor(url: string | URL, options: HttpOptions = {}) {
    if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
      throw new TransportError(`${url} is not the address of a service: it starts with http:// or https://`);
    const { origin, protocol, hostname } = new URL(url);
    if (protocol === 'http:' && !loopbackNames.includes(hostname))
      throw new TransportError(
        `${origin} is another machine, and by http:// the token, the keys and the questions go there in clear: use https://, ` +
          'or a tunnel (ssh -L) and its end on localhost',
      );
    this.#url = url;
    this.#options = { tokens: new VolatileTokens(), ...options };
    this.#http = new Http(serviceOf(url) + apiPrefix, this.#options);
  }

  /** The same service, until a signal aborts, too: then what is under way on the line ends at once. */
  until(signal: AbortSignal): Transport {
    const signals = this.#options.signal ? [this.#options.signal, signal] : [signal];
    return new Transport(this.#url, { ...this.#options, signal: AbortSignal.any(signals) });
  }

  /** Takes a job back and leaves nothing of it. One attempt, not ended by the signal: it is for when that has ended all else. */
  async abandon(job: string): Promise<void> {
    const { signal: _, ...options } = this.#options;
    const last = new Transport(this.#url, { ...options, retry: { attempts: 1 }, timeoutMs: abandonMs });
    await last.deleteJob(job);
    // It was cancelled, or is gone already.
    await last.deleteJob(job).catch(() => {});
  }

  /**
   * Tells the service that a result has arrived, which it then need not keep. One attempt of 2 s at most, and never an error:
   * no service can hold up an answer by this.
   */
  async acknowledge(job: string): Promise<void> {
    const signal = AbortSignal.timeout(acknowledgeMs);
    await new Transport(this.#url, { ...this.#options, signal, retry: { attempts: 1 } }).deleteJob(job).catch(() => {});
  }

  async programs(): Promise<Program[]> {
    return (await this.#http.json(programs, '/programs')).programs;
  }

  /** A file of the client half of a program, as the program lists it. @throws TransportError for another */
  clientFile({ digest, files }: Pick<Program, 'digest' | 'files'>, file: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#listed(`/programs/${digest}/client`, files, file, file === manifestFile ? maxJsonBytes : maxFileBytes);
  }

  /** A file of the polynomial model of a program that is given away, as the program lists it. @throws TransportError for another */
  modelFile({ digest, model = [] }: Pick<Program, 'digest' | 'model'>, file: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#listed(`/programs/${digest}/model`, model, file, maxFileBytes);
  }

  /** No more of a file is read than is listed, and nothing else is taken for it, whatever lies between here and the service. */
  async #listed(folder: string, files: Program['files'], file: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
    const listed = files.find(({ name }) => name === file);
    if (listed === undefined) throw new TransportError(`the service does not list the file ${excerpt(file)} that its program names`);
    const bytes = await this.#http.bytes(`${folder}/${encodeURIComponent(file)}`, {}, Math.min(listed.bytes, most));
    if (toHex(await sha256(bytes)) !== listed.sha256)
      throw new TransportError(`the file ${excerpt(file)} is not the one that the service lists: it was damaged or changed on its way; ask again`);
    return bytes;
  } // biome-ignore format: one line each

  /** Opens a key set, or finds the one of this plan and key that is there. */
  openKeyset(request: OpenKeyset): Promise<Keyset> {
    return this.#http.json(keyset, '/keysets', jsonBody('POST', request));
  }

  async keysets(): Promise<Keyset[]> {
    return (await this.#http.json(keysets, '/keysets')).keysets;
  }

  keyset(id: string): Promise<Keyset> {
    return this.#http.json(keyset, `/keysets/${id}`);
  }

  /** Waits until a committed key set is no longer being verified: it is ready or rejected. */
  async verified(id: string, progress?: (keyset: Keyset) => void): Promise<Keyset> {
    for (;;) {
      const now = await this.keyset(id);
      if (now.state !== 'verifying') return now;
      progress?.(now);
      await pause(pollMs, this.#http.signal);
    }
  }

  /** Which of at most `maxMissingBatch` parts the service does not have. */
  async missing(keyset: string, sha256: readonly string[]): Promise<string[]> {
    return (await this.#http.json(missingAnswer, `/keysets/${keyset}/parts/missing`, jsonBody('POST', { sha256 })))
      .missing;
  }

  /** Sends a part. Resolves when it is on the disk of the service. */
  async putPart(keyset: string, sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#http.json(z.unknown(), `/keysets/${keyset}/parts/${sha256}`, bytesBody('PUT', bytes));
  }

  /** Makes a key set of its parts. A ServiceError 'parts-missing' has them in `fields.missing`. */
  commit(id: string, list: KeyList): Promise<Keyset> {
    return this.#http.json(keyset, `/keysets/${id}/commit`, jsonBody('POST', { list }));
  }

  async deleteKeyset(id: string): Promise<void> {
    await this.#http.bytes(`/keysets/${id}`, { method: 'DELETE' });
  }

  /** Sends a request. The same request again is the same job. */
  submit(program: string, keyset: string, request: Uint8Array<ArrayBuffer>): Promise<Job> {
    return this.#http.json(job, `/jobs?program=${program}&keyset=${keyset}`, bytesBody('POST', request));
  }

  async jobs(): Promise<Job[]> {
    return (await this.#http.json(jobs, '/jobs')).jobs;
  }

  job(id: string): Promise<Job> {
    return this.#http.json(job, `/jobs/${id}`);
  }

  /** Cancels a job that is not finished, removes one that is. */
  async deleteJob(id: string): Promise<void> {
    await this.#http.bytes(`/jobs/${id}`, { method: 'DELETE' });
  }

  result(id: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#http.bytes(`/jobs/${id}/result`, {}, maxResultBytes);
  }

  /**
   * A job as it changes, the last time when it is done, failed or cancelled. A lost connection is taken up again after
   * the last event that came; a service that stays away is a TransportError.
   */
  async *events(id: string): AsyncGenerator<Job> {
    let last: string | undefined;
    for (;;) {
      const headers = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) };
      try {
        const body = this.#http.chunks(`/jobs/${id}/events`, { headers }, silentEventsMs);
        for await (const event of readEvents(body)) {
          if (event.event !== 'job') continue;
          const now = parseJson(job, event.data, 'an event of the service');
          last = event.id;
          yield now;
          if (isFinal(now.state)) return;
        }
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      // Waits with patience for a service that starts again, and notices when there is nothing more to come.
      const now = await this.job(id);
      if (isFinal(now.state)) {
        yield now;
        return;
      }
      await pause(Math.random() * 1000, this.#http.signal);
    }
  }
}
