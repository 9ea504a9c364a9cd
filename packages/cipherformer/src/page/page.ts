import { html, Markup, type Piece } from './markup.ts';
import { style } from './style.ts';

/** The lock of the service's page (apps/web/public/icon.svg). */
const icon = new Markup(
  '<svg width="28" height="28" aria-hidden="true" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><title>Cipherformer</title><rect width="32" height="32" rx="8" fill="#0f6b66" /><path d="M10.5 14v-2.5a5.5 5.5 0 0 1 11 0V14" fill="none" stroke="#fff" stroke-width="2.6" /><rect x="8" y="14" width="16" height="11" rx="2.5" fill="#fff" /></svg>',
);

/**
 * A whole page that needs nothing from anywhere else; the policy makes a browser refuse to fetch or run anything.
 * @param head what stands under the title: in a few lines what it is about
 */
export function page(title: string, head: Piece, body: Piece): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  return `<!doctype html>
${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>`}
<style>${style}</style>
</head>
<body>
${html`<header>
<p class="brand">${icon} Cipherformer</p>
<h1>${title}</h1>
${head}
</header>
<main>
${body}
</main>`}
</body>
</html>
`;
}
