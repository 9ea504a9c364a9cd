import { newOwner } from '@cipherformer/client/protocol';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import { type Access, OwnerLimiter } from './access.ts';
import type { App } from './zod.ts';

/** Tokens for strangers, where the service is open. */
export function ownerRoutes(app: App, service: Service, { open }: Access): void {
  const limiter = new OwnerLimiter(service.limits.ownersPerHour);
  const told = {
    summary: 'A token for a new owner: it is told this once, and its hash alone is kept',
    answers: { 201: newOwner },
    problems: ['not-open', 'too-many-owners'],
  } as const;
  app.post('/owners', { config: { told, public: true } }, async (request, reply) => {
    if (!open)
      throw new Problem('not-open', 'this service gives no tokens to strangers', 'ask who runs it for a token');
    limiter.take(request.ip);
    const { token } = (await service.owners.add('open'))!;
    return reply.code(201).send({ token });
  });
}
