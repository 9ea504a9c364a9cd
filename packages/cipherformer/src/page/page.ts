import { html, type Markup } from './markup.ts';
import { style } from './style.ts';

/** A whole page that needs nothing from anywhere else; the policy makes a browser refuse to fetch or run anything. */
export function page(title: string, body: Markup): string {
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
${body}
</body>
</html>
`;
}
