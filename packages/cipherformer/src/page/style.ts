import { look } from './look.ts';

/**
 * A report: the look of the service's page, in one column that reads on a phone and on paper. Figures are SVG whose colours
 * are attributes; in the dark the rules at the end replace those of ink, grid and lines, so that a figure cut out is the
 * light one.
 */
export const style = `${look}
body { margin: 0 auto; padding: 1.25rem 1.5rem 4rem; max-width: 76rem; }
.brand { margin: 0 0 1.75rem; }
header { margin-bottom: 2rem; }
h1 { overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; letter-spacing: -.01em; line-height: 1.3; margin: 3rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; text-wrap: pretty; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11.5rem), 1fr)); gap: .75rem; margin: 1.75rem 0 0; }
/* Seven in rows of four and three, not of six and one. */
.headline:has(> :nth-child(7):last-child) { grid-template-columns: repeat(auto-fit, minmax(max(min(100%, 11.5rem), 22%), 1fr)); }
.headline > div, figure, .scroll, pre { border: 1px solid var(--line); border-radius: var(--radius); background: var(--card); box-shadow: var(--shadow); }
.headline > div { padding: 1rem 1.15rem; }
.headline dt { color: var(--quiet); font-size: .875rem; }
.headline dd { margin: 0; overflow-wrap: anywhere; font-size: 1.4rem; line-height: 1.35; font-weight: 650; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
.headline .digest { font-size: 1.1rem; }
.headline dd small { display: block; font-size: .875rem; font-weight: 400; letter-spacing: 0; color: var(--quiet); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; list-style: none; padding: 0; margin: 1.5rem 0 0; font-size: .92rem; }
a { color: var(--accent); }
ol.stages { max-width: 46rem; padding-left: 1.4rem; }
ol.stages li { margin: .3rem 0; }
figure { margin: 1rem 0 1.5rem; padding: 1.25rem 1.25rem 1rem; }
figcaption { color: var(--quiet); font-size: .92rem; max-width: 46rem; margin-top: .75rem; }
/* Panels share the width that there is, and are drawn as large as that lets them: their text grows by two thirds at most. */
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(var(--panel), 1fr)); gap: .75rem 1.25rem; }
/* Five or six in rows of three, not of four. */
.plots:has(> :nth-child(5):last-child), .plots:has(> :nth-child(6):last-child) { grid-template-columns: repeat(auto-fit, minmax(max(var(--panel), 30%), 1fr)); }
.plot { overflow-x: auto; }
.plot svg { display: block; width: 100%; height: auto; max-width: calc(1.7 * var(--panel-width)); }
/* A wide figure is scrolled rather than shrunk until its text cannot be read. */
.wide .plot svg { min-width: 40rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0 0 .75rem; padding: 0; font-size: .92rem; }
.legend svg { vertical-align: -.1em; margin-right: .4rem; }
.scroll { overflow-x: auto; margin: 1rem 0; padding: .9rem 1.25rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; min-width: 100%; }
caption { text-align: left; font-weight: 600; padding: .25rem 0 .5rem; font-size: .95rem; }
/* Stays to be read where a table is scrolled sideways. */
caption span { display: inline-block; position: sticky; left: 0; max-width: min(100%, calc(100vw - 4rem)); }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
th { font-weight: 600; } tbody th { font-weight: 500; }
thead th { vertical-align: bottom; white-space: normal; color: var(--quiet); }
td.number, th.number { text-align: right; padding-left: .75rem; } .wrap { display: inline-block; white-space: normal; width: max-content; max-width: 12rem; }
td small { color: var(--quiet); }
.alert { color: var(--danger); font-weight: 600; } .good { color: var(--good); }
pre { padding: .9rem 1.15rem; overflow-x: auto; font-size: .8125rem; line-height: 1.45; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 40rem) { body { padding: 1rem .9rem 3rem; } .scroll { padding: .75rem .9rem; } figure { padding: .9rem; }
  .headline { grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); } .headline dd { font-size: 1.15rem; } }
@media screen and (prefers-color-scheme: dark) {
  svg [fill="#222222"], svg [fill="#111111"] { fill: #e8eeeb; } svg [fill="#555555"] { fill: #a2aea9; }
  svg [stroke="#444444"] { stroke: #a2aea9; } svg [stroke="#222222"] { stroke: #e8eeeb; } svg [stroke="#ececec"] { stroke: #2c3532; }
  svg [fill="#0072b2"] { fill: #56b4e9; } svg [stroke="#0072b2"] { stroke: #56b4e9; }
  svg [fill="#d55e00"] { fill: #ff9a57; } svg [stroke="#d55e00"] { stroke: #ff9a57; }
  svg [fill="#009e73"] { fill: #4fd0a8; } svg [stroke="#009e73"] { stroke: #4fd0a8; }
  svg [fill="#00795a"] { fill: #4fd0a8; } svg [fill="#8a4b00"] { fill: #e0a45c; } svg [fill="#6b6b6b"] { fill: #a2aea9; }
  svg [fill="#ffffff"], svg [fill="#fefefe"] { fill: #171d1b; } svg [stroke="#ffffff"] { stroke: #171d1b; }
}
@media print {
  :root { --page: #ffffff; --shadow: none; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  figure, .headline > div, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll, .plot { overflow: visible; } table { font-size: 7pt; } pre { white-space: pre-wrap; } a { color: inherit; }
  .plots { grid-template-columns: repeat(auto-fit, minmax(min(var(--panel), 15rem), 1fr)); }
}
`;
