import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import { localOwner } from '../store/owners.ts';
import type { OwnerRow } from '../store/rows.ts';

/** Who may ask. */
export interface Access {
  /** Without a token, whoever asks is the owner of this machine: on loopback alone. */
  readonly local: boolean;
  /** Strangers get a token for the asking. */
  readonly open: boolean;
  /** Host names of the service: others are refused. Undefined: any, where every request needs a token. */
  readonly hosts: readonly string[] | undefined;
  /** Origins of pages elsewhere that may ask from a browser. */
  readonly origins: readonly string[];
}

const scheme = /^Bearer +(\S+)$/i;

/** @throws Problem 'token-needed' or 'bad-token' */
export async function ownerOf(request: FastifyRequest, service: Service, access: Access): Promise<OwnerRow> {
  const { authorization } = request.headers;
  if (authorization === undefined && access.local) return local;
  const token = scheme.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new Problem(
      'token-needed',
      'every request here needs a token',
      access.open ? 'get one (POST /v1/owners), and send it as Authorization: Bearer cf_…' : 'ask who runs the service for one, and send it as Authorization: Bearer cf_…', // biome-ignore format: two sentences
      { open: access.open },
    );
  }
  try {
    return await service.owners.ofToken(token);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(error.problem, error.message, error.hint ?? '', { open: access.open });
  }
}

/** The row that every service has. */
const local: OwnerRow = { id: localOwner, kind: 'local', name: null, token: null, created: 0 };

/** @throws Problem 'wrong-host' for a name that is not the service's: somebody else's page may have pointed its own here */
export function checkHost({ headers: { host = '' } }: FastifyRequest, { hosts }: Access): void {
  if (hosts === undefined || hosts.includes(hostName(host))) return;
  throw new Problem('wrong-host', 'this service answers under its own names only', `use ${hosts.join(', ')}`, {
    hosts,
  });
}

/** Without a port. */
const hostName = (host: string) => host.replace(/:\d*$/, '').toLowerCase();

/** Tokens given to an address within an hour. Addresses are kept no longer, nowhere else, and not on the disk. */
export class OwnerLimiter {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #given = new Map<string, number[]>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(limit: number, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** @throws Problem 'too-many-owners' */
  take(address: string): void {
    const from = this.#now() - hourMs;
    for (const [other, times] of this.#given) if (times.at(-1)! <= from) this.#given.delete(other);
    const network = networkOf(address);
    const times = (this.#given.get(network) ?? []).filter((time) => time > from);
    if (times.length >= this.#limit) {
      const retryAfter = Math.ceil((times[0]! - from) / 1000);
      throw new Problem(
        'too-many-owners',
        `this address has got ${times.length} tokens within an hour, the most there are`,
        'use one of those, or come back later',
        { retryAfter },
      );
    }
    this.#given.set(network, [...times, this.#now()]);
  }
}

const hourMs = 3600_000;

/** An IPv4 address as it is, of IPv6 the first 64 bits: one subscriber has all that follow. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const before = head.split(':').filter(Boolean);
  const after = tail.split(':').filter(Boolean);
  const zeros = address.includes('::') ? Array(Math.max(0, 8 - before.length - after.length)).fill('0') : [];
  const groups = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.slice(0, 4).join(':')}::/64`;
}
