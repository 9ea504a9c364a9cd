import type { ProblemCode } from '@cipherformer/client/protocol';
import type { FastifyInstance, FastifyTypeProvider } from 'fastify';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { OwnerRow } from '../store/rows.ts';

// Routes are validated by the schemas of the protocol, and their handlers typed by them.

export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.core.$ZodType ? z.core.output<this['schema']> : unknown;
}

/** What a route says of itself beside its schemas: openapi.ts makes the document of it. */
export interface Told {
  readonly summary: string;
  /** Type of a body that is not JSON, and the most bytes of it. */
  readonly takes?: { readonly type: string; readonly maxBytes: number };
  /** Answers by status: a document of a schema, a type of others, or no body. */
  readonly answers: Readonly<Record<number, z.core.$ZodType | string | undefined>>;
  /** Refusals of its own, beside those that every route may give. */
  readonly problems: readonly ProblemCode[];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    told?: Told;
    /** Answered without a token. */
    public?: boolean;
  }
  interface FastifyRequest {
    /** Whoever asks: of routes that are not public. */
    owner: OwnerRow;
  }
}

/** An instance, or a plugin's, whose route schemas are zod's. */
export type App = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  import('fastify').FastifyBaseLogger,
  ZodTypes
>;

/** Deepest nesting of what is sent: what reads it further, or writes it, need not expect more. */
const maxDepth = 64;

export function useZod(app: FastifyInstance): App {
  app.setValidatorCompiler<z.core.$ZodType>(({ schema, httpPart }) => (data) => {
    if (isDeeper(data, maxDepth)) {
      const message = `it is nested more than ${maxDepth} deep`;
      return {
        error: new Problem('invalid', `the ${httpPart} of the request is wrong: ${message}`, 'send less deep fields', {
          issues: [{ path: httpPart, message }],
        }),
      };
    }
    const parsed = z.core.safeParse(schema, data);
    if (parsed.success) return { value: parsed.data };
    // Paths and rules, never values: what was sent may be anything.
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: [httpPart, ...path].join('.'), message }));
    const [first] = issues;
    return {
      error: new Problem(
        'invalid',
        `${issues.length} of the request's fields are not as they should be, first ${first?.path}: ${first?.message}`,
        'correct the fields that are listed in issues',
        { issues },
      ),
    };
  });
  return app.withTypeProvider<ZodTypes>();
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1));
}
