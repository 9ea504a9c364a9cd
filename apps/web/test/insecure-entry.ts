// The page of tests on insecure rings: the shipped one has no way to accept them.
import { startPage } from '../src/page.ts';

startPage(new Worker(new URL('./insecure-page-worker.ts', import.meta.url), { type: 'module' }));
