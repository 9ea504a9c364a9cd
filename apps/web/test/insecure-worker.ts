import '../src/clear/no-eval.ts';
import { serveDesk } from '@cipherformer/client/browser/worker';

serveDesk(self, { insecure: true });
