// zod compiles its checks with new Function unless it is told not to before the first schema is made: first of all imports.
import './no-eval.ts';
import { serveDesk } from './desk.ts';

serveDesk(self);
