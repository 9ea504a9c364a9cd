import { digest, fileName } from '@cipherformer/client/protocol';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { Programs } from '../programs.ts';
import type { App } from './zod.ts';

/** Programs and the files of their client halves. */
export function programRoutes(app: App, programs: Programs): void {
  app.get('/programs', () => ({ programs: programs.all().map((program) => programs.view(program)) }));

  app.get('/programs/:digest', { schema: { params: z.object({ digest }) } }, ({ params }) =>
    programs.view(programs.get(params.digest)),
  );

  app.get(
    '/programs/:digest/client/:file',
    { schema: { params: z.object({ digest, file: fileName }) } },
    (request, reply) => {
      const { client } = programs.get(request.params.digest);
      const { file } = request.params;
      if (!client.has(file)) {
        throw new Problem(
          'unknown-file',
          `the client half of this program has no file ${file}`,
          'use one of those that are listed with the program',
          { files: client.files.map(({ name }) => name) },
        );
      }
      return client.send(file, request, reply, 'public, max-age=31536000, immutable');
    },
  );
}
