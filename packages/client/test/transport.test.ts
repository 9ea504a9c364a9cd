import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionLost, type Job, ServiceError, Transport, TransportError } from '../src/index.ts';
import { type Answer, answering, digest, job, json, keyset } from './support.ts';

const retry = { attempts: 4, firstMs: 5, mostMs: 20 };
let closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});
async function serverOf(answer: Answer) {
  const server = await answering(answer);
  closing.push(server.close);
  return server;
}
const failure = (promise: Promise<unknown>): Promise<Error> => promise.then(() => new Error('it succeeded'), (error: Error) => error); // biome-ignore format: short

describe('refusals', () => {
  it('are typed, with the code, the hint and the fields', async () => {
    const { url, seen } = await serverOf((_, response) => {
      json(response, 409, { type: 'urn:x', title: 't', status: 409, detail: 'two are missing', code: 'parts-missing', hint: 'send them', missing: ['x'] }); // biome-ignore format: short
    });
    const error = (await failure(new Transport(url, { retry }).keyset(keyset.id))) as ServiceError;
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({
      code: 'service-refused',
      problem: 'parts-missing',
      hint: 'send them',
      status: 409,
      fields: { missing: ['x'] },
    });
    expect(error.message).toBe('two are missing');
    expect(seen).toHaveLength(1);
  });

  it.each([
    [400, '<html>proxy</html>'],
    [404, ''],
    [409, 'null'],
    [500, '{"code":5}'],
    [502, '{"status":502,"code":"A B"}'],
  ])('of others (%i %j) are typed as well', async (status, text) => {
    const { url } = await serverOf((_, response) => void response.writeHead(status).end(text));
    expect(await failure(new Transport(url, { retry }).jobs())).toMatchObject({ name: 'ServiceError', status, problem: `http-${status}` }); // biome-ignore format: short
  });
});

describe('row 9: what a service sends without end is not read without end', () => {
  const endless = (status: number, chunk = new Uint8Array(2 ** 20)) => {
    const read = { bytes: 0 };
    const body = () =>
      new ReadableStream<Uint8Array>({
        pull(stream) {
          read.bytes += chunk.length;
          if (read.bytes > 2 ** 31) stream.error(new Error('it reads on and on'));
          else stream.enqueue(chunk);
        },
      });
    return { read, fetch: async () => new Response(body(), { status }) };
  };

  it('a refusal', async () => {
    const { read, fetch } = endless(400);
    expect(await failure(new Transport('https://x', { fetch }).jobs())).toMatchObject({
      problem: 'http-400',
      status: 400,
    });
    expect(read.bytes).toBeLessThan(2 ** 23);
  });

  it('a file: no more than its program says, than a manifest has, than 1 GiB', async () => {
    const program = {
      digest: digest('a'),
      files: [
        { name: 'manifest.json', bytes: 2 ** 31, sha256: digest('b') },
        { name: 'short', bytes: 10, sha256: digest('b') },
        { name: 'long', bytes: 2 ** 32, sha256: digest('b') },
      ],
    };
    const limits: [string, number][] = [
      ['manifest.json', 2 ** 24],
      ['short', 10],
      ['long', 2 ** 30],
    ];
    for (const [name, limit] of limits) {
      const { read, fetch } = endless(200, new Uint8Array(2 ** 23));
      const error = await failure(new Transport('https://x', { fetch }).clientFile(program, name));
      expect(error).toBeInstanceOf(TransportError);
      expect(error.message).toContain(`is longer than ${limit} bytes`);
      expect(read.bytes).toBeLessThan(limit + 2 ** 25);
    }
  });

  it('a file of another content than its program lists, or that it does not list', async () => {
    const bytes = new Uint8Array(10).fill(3);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const [files, model] = [[{ name: 'a', bytes: 10, sha256 }], [{ name: 'b', bytes: 10, sha256 }]];
    const program = { digest: digest('a'), files, model };
    const transportTo = (body: Uint8Array<ArrayBuffer>) => new Transport('https://x', { fetch: async () => new Response(body) });
    expect(await transportTo(bytes).clientFile(program, 'a')).toEqual(bytes);
    expect(await transportTo(bytes).modelFile(program, 'b')).toEqual(bytes);
    const changed = bytes.slice();
    changed[7]! ^= 1;
    for (const other of [changed, bytes.slice(1), new Uint8Array()])
      for (const reading of [transportTo(other).clientFile(program, 'a'), transportTo(other).modelFile(program, 'b')])
        expect((await failure(reading)).message).toMatch(/is not the one that the service lists/);
    for (const reading of [transportTo(bytes).clientFile(program, 'b'), transportTo(bytes).modelFile(program, 'a')])
      expect((await failure(reading)).message).toMatch(/does not list/);
  }); // biome-ignore format: one line each

  it('a result, and an answer that says nothing', async () => {
    for (const [call, limit] of [
      [(transport: Transport) => transport.result(job.id), 2 ** 28],
      [(transport: Transport) => transport.deleteJob(job.id), 2 ** 24],
    ] as const) {
      const { fetch } = endless(200, new Uint8Array(2 ** 23));
      const error = await failure(call(new Transport('https://x', { fetch })));
      expect(error.message).toContain(`is longer than ${limit} bytes`);
    }
  });
});

describe('a service that is told that a result has arrived', () => {
  it.each<[string, Answer]>([
    ['says nothing', () => {}],
    ['says little, for ever', (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 100);
      response.once('close', () => clearInterval(drip));
    }],
    ['asks to come back', (_, response) => json(response, 503, { status: 503, code: 'stopping', retryAfter: 60 })],
    ['fails', (_, response) => void response.destroy()],
  ])('and %s does not hold up the answer', async (_, answer) => {
    const { url, seen } = await serverOf(answer);
    const from = performance.now();
    await new Transport(url).acknowledge(job.id);
    expect(performance.now() - from).toBeLessThan(3500);
    expect(seen.map(({ method }) => method)).toEqual(['DELETE']);
  }); // biome-ignore format: a table
});

describe('redirections', () => {
  it.each([301, 302, 303, 307, 308])('row 9: %i is not followed, and not tried again', async (status) => {
    const other = await serverOf((_, response) => json(response, 200, keyset));
    const { url, seen } = await serverOf(
      (_, response) => void response.writeHead(status, { location: other.url }).end(),
    );
    const transport = new Transport(url, { retry });
    for (const call of [
      () => transport.keyset(keyset.id),
      () => transport.putPart(keyset.id, digest('d'), Uint8Array.of(1)),
    ]) {
      // biome-ignore format: short
      const error = await failure(call());
      expect(error).toBeInstanceOf(TransportError);
      expect(error.message).toMatch(/to another address, which is not followed/);
    }
    expect([seen.length, other.seen.length]).toEqual([2, 0]);
  });
});

describe('retries', () => {
  it.each([429, 503])('%i is tried again, as late as was asked for', async (status) => {
    const times: number[] = [];
    const { url, seen } = await serverOf((_, response, count) => {
      times.push(performance.now());
      if (count < 3) json(response, status, { status, code: 'queue-full', retryAfter: 0.1 });
      else json(response, 200, keyset);
    });
    const most = { ...retry, mostMs: 200 };
    expect((await new Transport(url, { retry: most }).keyset(keyset.id)).id).toBe(keyset.id);
    expect(seen).toHaveLength(3);
    expect(times[1]! - times[0]!).toBeGreaterThan(95);
  });

  it('a connection that breaks before, in or after the head of the answer is tried again, body and all', async () => {
    const { url, seen } = await serverOf((_, response, count) => {
      if (count === 1) response.destroy();
      else if (count === 2) {
        response.writeHead(200, { 'content-length': 1000 });
        response.write('{"id":');
        setTimeout(() => response.destroy(), 20);
      } else json(response, 201, {});
    });
    await new Transport(url, { retry }).putPart(keyset.id, digest('d'), Uint8Array.of(1, 2, 3));
    expect(seen.map(({ body }) => [...body])).toEqual([[1, 2, 3], [1, 2, 3], [1, 2, 3]]); // biome-ignore format: short
    expect(seen[0]!.headers['content-length']).toBe('3');
    expect(seen[0]!.headers['transfer-encoding']).toBeUndefined();
  });

  it('an answer that stalls is given up and tried again', async () => {
    const { url, seen } = await serverOf((_, response, count) => {
      if (count > 1) json(response, 200, keyset);
    });
    await new Transport(url, { retry, timeoutMs: 100 }).keyset(keyset.id);
    expect(seen).toHaveLength(2);
  });

  it('end, and the last error says what to do', async () => {
    const { url, seen } = await serverOf((_, response) => void response.destroy());
    const error = await failure(new Transport(url, { retry }).keysets());
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).toBeInstanceOf(TransportError);
    expect(error.message).toMatch(/check that the service runs/);
    expect(seen).toHaveLength(4);
    expect(await failure(new Transport('http://127.0.0.1:1', { retry }).keysets())).toBeInstanceOf(ConnectionLost);
  });

  it.each([400, 404, 409, 411, 413, 422, 507])('%i is not tried again', async (status) => {
    const { url, seen } = await serverOf((_, response) => json(response, status, { status, code: 'x' }));
    await failure(new Transport(url, { retry }).openKeyset({ plan: keyset.plan, key: keyset.key, format: 'f' }));
    expect(seen).toHaveLength(1);
  });

  it('stop when the signal says so, with its reason', async () => {
    for (const silent of [true, false]) {
      const stop = new AbortController();
      const reason = new Error('enough');
      const { url } = await serverOf((_, response) => {
        if (!silent) json(response, 503, { status: 503, code: 'stopping', retryAfter: 100 });
      });
      const asking = failure(new Transport(url, { signal: stop.signal, retry: { mostMs: 60_000 } }).keysets());
      setTimeout(() => stop.abort(reason), 100);
      expect(await asking).toBe(reason);
      expect(await failure(new Transport(url, { signal: stop.signal }).keysets())).toBe(reason);
    }
  });
});

describe('answers', () => {
  it('of any form give a typed error or a value of the right one', async () => {
    let text = '';
    const { url } = await serverOf((_, response) => void response.end(text));
    const transport = new Transport(url, { retry: { attempts: 1 } });
    const calls = [
      () => transport.programs(),
      () => transport.keyset(keyset.id),
      () => transport.missing(keyset.id, [digest('d')]),
      () => transport.job(job.id),
      () => transport.jobs(),
    ];
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ ...Object.fromEntries(Object.keys(job).map((name) => [name, fc.anything()])) }).map((one) => JSON.stringify(one, (_, v) => (typeof v === 'bigint' ? 1 : v))), // biome-ignore format: short
    );
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(...calls), async (body, call) => {
        text = body;
        expect(await failure(call())).toBeInstanceOf(TransportError);
      }),
      { numRuns: 150 },
    );
    text = JSON.stringify({ jobs: [job] });
    expect(await transport.jobs()).toEqual([job]);
  });

  it('row 9: that are nested without end, or name fields that a terminal obeys', async () => {
    let text = '';
    const { url } = await serverOf((_, response) => void response.end(text));
    const transport = new Transport(url, { retry: { attempts: 1 } });
    const summary = (value: string) => `{"programs":[{"digest":"${digest('a')}","plan":"${digest('b')}","files":[],"summary":${value}}]}`; // biome-ignore format: short
    text = summary('{"a":1}');
    expect(await transport.programs()).toHaveLength(1);
    for (const value of [
      `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      `{"a":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
      '{"\\u001b[2J": 1e999}',
    ]) {
      // biome-ignore format: short
      text = summary(value);
      const error = await failure(transport.programs());
      expect(error).toBeInstanceOf(TransportError);
      expect(error.message).not.toMatch(/\p{Cc}/u);
    }
  });

  it('that are not JSON say what to look at', async () => {
    const { url } = await serverOf((_, response) => void response.end('<html>'));
    expect((await failure(new Transport(url).programs())).message).toMatch(/did not answer with JSON/);
    expect(() => new Transport('ftp://x')).toThrow(TransportError);
  });

  it('keep the path under which a proxy has the service', async () => {
    const { url, seen } = await serverOf((_, response) => json(response, 200, { jobs: [] }));
    for (const base of [url, `${url}/`, `${url}/under/here/`]) await new Transport(base).jobs();
    expect(seen.map((one) => one.url)).toEqual(['/v1/jobs', '/v1/jobs', '/under/here/v1/jobs']);
  });
});

describe('events', () => {
  const event = (id: string, changes: Partial<Job>) => `id: ${id}\nevent: job\ndata: ${JSON.stringify({ ...job, ...changes })}\n\n`; // biome-ignore format: short
  const states = async (events: AsyncIterable<Job>) => {
    const heard: string[] = [];
    for await (const { state } of events) heard.push(state);
    return heard;
  };

  it('are taken up after the last one that came, through cuts and refusals, up to the end', async () => {
    const stream = { 'content-type': 'text/event-stream' };
    let streams = 0;
    const { url, seen } = await serverOf((request, response) => {
      if (!request.url.endsWith('/events')) return json(response, 200, { ...job, state: 'running' });
      streams++;
      if (streams === 1) {
        response.writeHead(200, stream).write(`: hello\n\n${event('a.1', {})}id: a.2\nevent: job\nda`);
        setTimeout(() => response.destroy(), 30);
      } else if (streams === 2) json(response, 503, { status: 503, code: 'stopping' });
      else if (streams === 3) response.writeHead(200, stream).end(event('a.2', { state: 'loading' }));
      else response.writeHead(200, stream).end(event('a.3', { state: 'done' }) + event('a.4', { state: 'queued' }));
      return undefined;
    });
    expect(await states(new Transport(url, { retry }).events(job.id))).toEqual(['queued', 'loading', 'done']);
    const asked = seen.filter((one) => one.url.endsWith('/events')).map(({ headers }) => headers['last-event-id']);
    expect(asked).toEqual([undefined, 'a.1', 'a.1', 'a.2']);
  });

  it('end when the service says that there are no more', async () => {
    const { url } = await serverOf((request, response) => {
      if (request.url.endsWith('/events')) response.writeHead(204).end();
      else json(response, 200, { ...job, state: 'failed', reason: 'why' });
    });
    expect(await states(new Transport(url, { retry }).events(job.id))).toEqual(['failed']);
  });

  it('of a job that is not there, or that make no sense, are errors', async () => {
    const gone = await serverOf((_, response) => json(response, 404, { status: 404, code: 'unknown-job' }));
    expect(await failure(states(new Transport(gone.url, { retry }).events(job.id)))).toMatchObject({ problem: 'unknown-job' }); // biome-ignore format: short
    const odd = await serverOf((_, response) => void response.end('event: job\ndata: {}\n\n'));
    expect(await failure(states(new Transport(odd.url, { retry }).events(job.id)))).toBeInstanceOf(TransportError);
  });
});
