import { readFile } from 'node:fs/promises';
import { UsageError } from '@cipherformer/base';
import { z } from 'zod';
import { type Limits, limitsSchema } from '../limits.ts';
import type { ServeOptions } from '../serve.ts';
import type { SharedOptions } from '../shared/backend.ts';

const port = z.int().min(0).max(65535);
const limitNames = limitsSchema.shape;

/** What `--config` may hold. */
const schema = z.strictObject({
  folders: z.array(z.string()).optional(),
  host: z.string().min(1).optional(),
  port: port.optional(),
  data: z.string().min(1).optional(),
  open: z.boolean().optional(),
  tlsCert: z.string().optional(),
  tlsKey: z.string().optional(),
  behindProxy: z.boolean().optional(),
  names: z.array(z.string().regex(/^[A-Za-z0-9.[\]:-]+$/)).optional(),
  allowOrigins: z.array(z.string()).optional(),
  publishModel: z.boolean().optional(),
  redis: z.string().optional(),
  bucket: z.string().min(1).optional(),
  s3Endpoint: z.string().optional(),
  s3Region: z.string().min(1).optional(),
  /** Memory that the process that computes may take. */
  workerBytes: z.int().positive().optional(),
  metricsPort: port.optional(),
  /** `warnings` for people, or `json`: every request, by its route. */
  log: z.enum(['warnings', 'json']).optional(),
  limits: z.strictObject(Object.fromEntries(Object.keys(limitNames).map((name) => [name, z.number().positive().optional()]))).optional(),
}); // biome-ignore format: a line each
/** With fields that nobody gave undefined. */
export type Configuration = z.infer<typeof schema>;
/** Of what was given alone. */
export type Configured = {
  readonly [K in Exclude<keyof Configuration, 'limits'>]?: Exclude<Configuration[K], undefined>;
} & {
  readonly limits?: Partial<Limits>;
};

/** Variables of the environment, and how the text of each is read. */
const variables: Readonly<Record<string, readonly [keyof Configuration, (text: string) => unknown]>> = {
  CIPHERFORMER_HOST: ['host', String],
  CIPHERFORMER_PORT: ['port', Number],
  CIPHERFORMER_DATA: ['data', String],
  CIPHERFORMER_OPEN: ['open', yesOrNo],
  CIPHERFORMER_TLS_CERT: ['tlsCert', String],
  CIPHERFORMER_TLS_KEY: ['tlsKey', String],
  CIPHERFORMER_BEHIND_PROXY: ['behindProxy', yesOrNo],
  CIPHERFORMER_NAMES: ['names', (text) => text.split(',').map((name) => name.trim())],
  CIPHERFORMER_ALLOW_ORIGINS: ['allowOrigins', (text) => text.split(',').map((origin) => origin.trim())],
  CIPHERFORMER_PUBLISH_MODEL: ['publishModel', yesOrNo],
  CIPHERFORMER_REDIS: ['redis', String],
  CIPHERFORMER_BUCKET: ['bucket', String],
  CIPHERFORMER_S3_ENDPOINT: ['s3Endpoint', String],
  CIPHERFORMER_S3_REGION: ['s3Region', String],
  CIPHERFORMER_WORKER_BYTES: ['workerBytes', Number],
  CIPHERFORMER_METRICS_PORT: ['metricsPort', Number],
  CIPHERFORMER_LOG: ['log', String],
};

/**
 * What a service is started with: what was given, over the environment, over the file.
 * @throws UsageError for a field or a variable that is not as it should be; errors of the file system
 */
export async function configure(
  given: Configuration,
  environment: Readonly<Record<string, string | undefined>>,
  file?: string,
): Promise<Configured> {
  const ofFile = file === undefined ? {} : checked(await readJson(file), file);
  const ofEnvironment: Record<string, unknown> = {};
  for (const [name, [field, read]] of Object.entries(variables)) {
    const text = environment[name];
    if (text === undefined || text === '') continue;
    Object.assign(ofEnvironment, checked({ [field]: read(text) }, `the environment variable ${name}`));
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...ofFile, ...ofEnvironment, ...set } as Configured;
}

/**
 * Where several machines keep what they share; undefined for one machine.
 * @throws UsageError for half of it
 */
export function sharedPlace(
  options: Pick<Configured, 'redis' | 'bucket' | 's3Endpoint' | 's3Region'>,
): SharedOptions | undefined {
  const { redis, bucket, s3Endpoint: endpoint, s3Region: region } = options;
  if (redis === undefined && bucket === undefined) return undefined;
  if (redis === undefined || bucket === undefined)
    throw new UsageError('several machines share Redis and a bucket: give both, or none for one machine');
  return { redis, bucket, endpoint, region };
}

/**
 * The certificate and its key, read; undefined without them.
 * @throws UsageError for one without the other, and for what cannot be read
 */
export async function tlsOf({ tlsCert, tlsKey }: Pick<Configured, 'tlsCert' | 'tlsKey'>): Promise<ServeOptions['tls']> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new UsageError('a certificate and its key belong together: give both');
  return { cert: await readPem(tlsCert), key: await readPem(tlsKey) };
}

function readPem(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read: check the path, and that this user may`, { cause });
  });
}

function checked(value: unknown, where: string): Configuration {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new UsageError(`${where} cannot be used: ${path === '' ? '' : `${path}: `}${issue?.message}`, {
    hint: `it may have ${Object.keys(schema.shape).join(', ')}; limits may have ${Object.keys(limitNames).join(', ')}`,
  });
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`the configuration ${file} cannot be read: check the path`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`the configuration ${file} is no JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

function yesOrNo(text: string): unknown {
  if (['1', 'true', 'yes'].includes(text.toLowerCase())) return true;
  return ['0', 'false', 'no'].includes(text.toLowerCase()) ? false : text;
}
