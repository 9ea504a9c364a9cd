import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { optionalPackage } from '@cipherformer/base';
import { StartError, unreachable } from '../problem.ts';
import { cannotWrite } from '../store/room.ts';
import { messageOf } from './redis.ts';

export interface BucketOptions {
  readonly bucket: string;
  /** Of a service that speaks S3. Default: that of Amazon for the region. */
  readonly endpoint?: string | undefined;
  /** Default: that of the environment, else us-east-1. */
  readonly region?: string | undefined;
}

export interface StoredObject {
  readonly name: string;
  readonly modified: number;
}

/** It would write to the console what is thrown anyway. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const attempts = 4;
const pauseMs = 200;
/** Longest time that a connection takes, and that nothing comes or goes on one. */
const connectTimeoutMs = 5000;
const silentMs = 30_000;

/**
 * Objects of one bucket, by names with "/". Credentials come from where Amazon's tools look for them: AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY, a profile, the machine's role.
 */
export class Bucket {
  readonly #s3: typeof import('@aws-sdk/client-s3');
  readonly #client: S3Client;
  readonly #bucket: string;

  private constructor(s3: typeof import('@aws-sdk/client-s3'), client: S3Client, bucket: string) {
    this.#s3 = s3;
    this.#client = client;
    this.#bucket = bucket;
  }

  /** @throws MissingPackageError, StartError where the bucket is not there or not given to this user */
  static async open({
    bucket,
    endpoint,
    region = process.env.AWS_REGION ?? 'us-east-1',
  }: BucketOptions): Promise<Bucket> {
    const s3 = await optionalPackage(() => import('@aws-sdk/client-s3'), {
      name: '@aws-sdk/client-s3',
      purpose: 'Several machines share objects on S3 through its client',
      install: 'npm install @aws-sdk/client-s3@3',
    });
    const client = new s3.S3Client({
      region,
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Bodies are streams of files, which are opened again: `#attempt` does it.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectTimeoutMs, socketTimeout: silentMs },
      logger: silent,
    });
    try {
      await client.send(new s3.HeadBucketCommand({ Bucket: bucket }));
    } catch (cause) {
      client.destroy();
      const where = endpoint === undefined ? '' : ` at ${endpoint}`;
      throw new StartError(
        `the bucket ${bucket}${where} cannot be used (${nameOf(cause)}): make it, or check its name, the address and AWS_ACCESS_KEY_ID`,
        { cause },
      );
    }
    return new Bucket(s3, client, bucket);
  }

  /** Writes a file as an object. The store checks the digest: what it acknowledges is what was meant. */
  async put(
    name: string,
    file: { readonly path: string; readonly bytes: number; readonly sha256: string },
  ): Promise<void> {
    const { PutObjectCommand } = this.#s3;
    await this.#attempt(() => {
      const body = createReadStream(file.path);
      const command = new PutObjectCommand({
        ...{ Bucket: this.#bucket, Key: name, Body: body, ContentLength: file.bytes },
        ChecksumSHA256: Buffer.from(file.sha256, 'hex').toString('base64'),
      });
      return this.#client.send(command).finally(() => body.destroy());
    });
  }

  async has(name: string): Promise<boolean> {
    const { HeadObjectCommand } = this.#s3;
    try {
      await this.#attempt(() => this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: name })));
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }

  /**
   * Gives an object to `take`, again from its beginning where the connection breaks.
   * @throws as `get`, and what `take` throws of this machine's disk
   */
  read(name: string, take: (stream: Readable) => Promise<void>): Promise<void> {
    return this.#attempt(async () => take((await this.#send(name)).stream));
  }

  /** @throws the store's error for one that is not there (isAbsent) */
  get(name: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    return this.#attempt(() => this.#send(name));
  }

  async #send(name: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    const { GetObjectCommand } = this.#s3;
    const { Body, ContentLength } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: name }));
    return { bytes: ContentLength!, stream: Body as Readable };
  }

  async remove(name: string): Promise<void> {
    const { DeleteObjectCommand } = this.#s3;
    await this.#attempt(() => this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: name })));
  }

  /** Objects whose names begin so. */
  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const { ListObjectsV2Command } = this.#s3;
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }); // biome-ignore format: short
      const { Contents = [], NextContinuationToken } = await this.#attempt(() => this.#client.send(command));
      for (const { Key, LastModified } of Contents) yield { name: Key!, modified: LastModified!.getTime() };
      token = NextContinuationToken;
    } while (token !== undefined);
  }

  close(): void {
    this.#client.destroy();
  }

  /** @throws Problem 'unreachable' where it does not answer, errors of the store for what it refuses */
  async #attempt<T>(send: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await send();
      } catch (error) {
        const status = statusOf(error);
        const isRefusal = status !== undefined && status < 500 && status !== 429;
        if (isRefusal || cannotWrite(error)) throw error;
        if (tried === attempts) throw unreachable();
        await sleep(pauseMs * 2 ** tried * (0.5 + Math.random()));
      }
    }
  }
}

/** Whether the store says that there is no such object. */
export const isAbsent = (error: unknown): boolean => statusOf(error) === 404;

function statusOf(error: unknown): number | undefined {
  const { $metadata } = (error ?? {}) as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

function nameOf(error: unknown): string {
  return statusOf(error) === undefined ? messageOf(error) : `${(error as Error).name}, ${statusOf(error)}`;
}
