// The page of tests on insecure rings: the shipped one has no way to accept them.
import { startPage } from '../src/start-page.tsx';

startPage(() => new Worker(new URL('./insecure-worker.ts', import.meta.url), { type: 'module' }));
