/** The worker's side of `./browser`, for pages that bring a worker of their own. */
export { type DeskPort, serveDesk } from './browser/desk.ts';
