import { render } from 'preact';
import { PageState } from './state/page-state.ts';
import { App } from './view/app.tsx';

/** Shows the page. @param worker the one with the key. Default: the client's own */
export function startPage(worker?: () => Worker): void {
  const element = document.querySelector<HTMLMetaElement>('meta[name=service]');
  // Served by the service itself, the page's own address is the service's; built for elsewhere, it is written into it.
  const service = new URL(element?.content || '.', document.baseURI).href;
  render(<App page={new PageState(service, worker)} />, document.getElementById('app')!);
}
