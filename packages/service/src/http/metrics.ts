import { createServer, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Service } from '../service.ts';

/** Figures for Prometheus: of routes, problems and what there is. Nothing of an owner is a label. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #problems: Counter<'problem'>;
  /** Asks the rows: once for all figures. */
  readonly #refresh: () => Promise<void>;

  constructor(service: Service) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'cipherformer_request_seconds',
      help: 'Time from the first byte of a request to the end of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.05, 0.2, 1, 5, 30],
      registers,
    });
    this.#problems = new Counter({
      name: 'cipherformer_problems_total',
      help: 'Refusals by their code',
      labelNames: ['problem'],
      registers,
    });
    const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name: `cipherformer_${name}`, help, labelNames, registers }); // biome-ignore format: short
    const owners = gauge('owners', 'Owners, revoked ones included while something of theirs is kept');
    const keysets = gauge('keysets', 'Key sets by state', ['state']);
    const jobs = gauge('jobs', 'Jobs by state, finished ones until their results go', ['state']);
    const bytes = gauge('part_bytes', 'Bytes of keys on the disk');
    const waiting = gauge('queue_tasks', 'Jobs and verifications that wait');
    const seconds = gauge('queue_cpu_seconds', 'Predicted processor time of what waits');
    const up = gauge('up', 'One while the service takes work');
    this.#refresh = async () => {
      const counts = await service.counts();
      up.set(service.stopping.aborted ? 0 : 1);
      owners.set(counts.owners);
      bytes.set(counts.bytes);
      waiting.set(counts.waiting);
      seconds.set(counts.waitingCpuSeconds);
      const byState = [
        [keysets, counts.keysets],
        [jobs, counts.jobs],
      ] as const;
      for (const [of, states] of byState) {
        of.reset();
        for (const [state, n] of Object.entries(states)) of.set({ state }, n);
      }
    };
  }

  answered({ method, route, status, ms }: { method: string; route: string; status: number; ms: number }): void {
    this.#requests.observe({ method, route, status }, ms / 1000);
  }

  refused(problem: string): void {
    this.#problems.inc({ problem });
  }

  /** Answers at /metrics, on a port of its own that strangers need not reach. */
  server(): Server {
    return createServer(async (request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      try {
        await this.#refresh();
        const text = await this.#registry.metrics();
        response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text);
      } catch {
        response.writeHead(500).end();
      }
    });
  }
}
