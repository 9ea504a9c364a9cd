import '../src/no-eval.ts';
import { serveOwner } from '../src/owner.ts';

serveOwner(self, { insecure: true });
