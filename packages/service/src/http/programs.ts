import { digest, fileName, program, programs as programList } from '@cipherformer/client/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { Programs } from '../programs.ts';
import type { StaticFolder } from '../static-folder.ts';
import type { App } from './zod.ts';

/** Programs and the files of their client halves: public, and told to whoever asks. */
export function programRoutes(app: App, programs: Programs): void {
  const list = { summary: 'The programs that are served', answers: { 200: programList }, problems: [] } as const;
  app.get('/programs', { config: { told: list, public: true } }, () => ({
    programs: programs.all().map((one) => programs.view(one)),
  }));

  const get = { summary: 'One of them', answers: { 200: program }, problems: ['unknown-program'] } as const;
  app.get(
    '/programs/:digest',
    { schema: { params: z.object({ digest }) }, config: { told: get, public: true } },
    ({ params }) => programs.view(programs.get(params.digest)),
  );

  const model = {
    summary: 'A file of the polynomial model, where it is given away: immutable, with an ETag',
    answers: { 200: '*/*', 304: undefined },
    problems: ['unknown-program', 'unknown-file'],
  } as const;
  app.get(
    '/programs/:digest/model/:file',
    { schema: { params: z.object({ digest, file: fileName }) }, config: { told: model, public: true } },
    (request, reply) => {
      const { published } = programs.get(request.params.digest);
      return sendFile(published, 'the model', request.params.file, request, reply);
    },
  );

  const file = {
    summary: 'A file of the client half: immutable, with an ETag',
    answers: { 200: '*/*', 304: undefined },
    problems: ['unknown-program', 'unknown-file'],
  } as const;
  app.get(
    '/programs/:digest/client/:file',
    { schema: { params: z.object({ digest, file: fileName }) }, config: { told: file, public: true } },
    (request, reply) => {
      const { client } = programs.get(request.params.digest);
      return sendFile(client, 'the client half', request.params.file, request, reply);
    },
  );
}

/** @throws Problem 'unknown-file' for what is not on the list */
function sendFile(
  folder: StaticFolder | undefined,
  what: string,
  file: string,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (folder?.has(file)) return folder.send(file, request, reply, 'public, max-age=31536000, immutable');
  throw new Problem(
    'unknown-file',
    folder === undefined
      ? `${what} of this program is not given away here`
      : `${what} of this program has no file ${file}`,
    'use one of those that are listed with the program',
    { files: folder?.files.map(({ name }) => name) ?? [] },
  );
}
