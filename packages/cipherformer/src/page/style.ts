/**
 * The look of a report: one column that reads on a phone and on paper. Figures are SVG whose colours are attributes;
 * in the dark the rules at the end replace those of ink, grid and lines, so that a figure cut out is the light one.
 */
export const style = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --quiet: #5b6470; --line: #d9dee4; --tint: #f5f7f9;
  --main: #0072b2; --alert: #d55e00; --good: #00795a; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
header { margin-bottom: 2rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; }
.lead { color: var(--quiet); }
.headline { display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; }
.headline > div { background: var(--tint); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem .9rem; }
.headline dt { color: var(--quiet); font-size: .8125rem; }
.headline dd { margin: 0; font-size: 1.3rem; line-height: 1.35; font-weight: 600; font-variant-numeric: tabular-nums; }
.headline dd small { display: block; font-size: .8125rem; font-weight: 400; color: var(--quiet); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; list-style: none; padding: 0; margin: 1.5rem 0 0; font-size: .9rem; }
a { color: var(--main); }
ol.stages { max-width: 46rem; padding-left: 1.4rem; }
ol.stages li { margin: .3rem 0; }
figure { margin: 1rem 0 1.5rem; }
figcaption { color: var(--quiet); font-size: .875rem; max-width: 46rem; margin-top: .5rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--panel), 1fr)); gap: .75rem; }
.plot { overflow-x: auto; }
.plot svg { display: block; height: auto; max-width: 100%; }
/* A wide figure is scrolled rather than shrunk until its text cannot be read. */
.wide .plot svg { min-width: 34rem; max-width: none; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0 0 .5rem; padding: 0; font-size: .875rem; }
.legend svg { vertical-align: -.1em; margin-right: .4rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .8438rem; font-variant-numeric: tabular-nums; min-width: 100%; }
caption { text-align: left; font-weight: 600; padding: .25rem 0 .5rem; font-size: .9375rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { font-weight: 600; } tbody th { font-weight: 500; }
thead th { vertical-align: bottom; white-space: normal; color: var(--quiet); }
td.number, th.number { text-align: right; padding-left: .75rem; } .wrap { display: inline-block; white-space: normal; width: max-content; max-width: 12rem; }
td small { color: var(--quiet); }
.alert { color: var(--alert); font-weight: 600; } .good { color: var(--good); }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem; overflow-x: auto; font-size: .8125rem; line-height: 1.45; }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; }
@media (max-width: 40rem) { body { padding: 1.25rem .9rem 3rem; } h1 { font-size: 1.4rem; }
  .headline { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); } .headline dd { font-size: 1.1rem; } }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e6e9ed; --quiet: #a0a9b4; --line: #333a42; --tint: #1c2126; --main: #56b4e9; --alert: #ff9a57; --good: #4fd0a8; }
  svg [fill="#222222"], svg [fill="#111111"] { fill: #e6e9ed; } svg [fill="#555555"] { fill: #a0a9b4; }
  svg [stroke="#444444"] { stroke: #a0a9b4; } svg [stroke="#222222"] { stroke: #e6e9ed; } svg [stroke="#ececec"] { stroke: #2a3037; }
  svg [fill="#0072b2"] { fill: #56b4e9; } svg [stroke="#0072b2"] { stroke: #56b4e9; }
  svg [fill="#d55e00"] { fill: #ff9a57; } svg [stroke="#d55e00"] { stroke: #ff9a57; }
  svg [fill="#009e73"] { fill: #4fd0a8; } svg [stroke="#009e73"] { stroke: #4fd0a8; }
  svg [fill="#00795a"] { fill: #4fd0a8; } svg [fill="#8a4b00"] { fill: #e0a45c; } svg [fill="#6b6b6b"] { fill: #a0a9b4; }
  svg [fill="#ffffff"], svg [fill="#fefefe"] { fill: #14171b; } svg [stroke="#ffffff"] { stroke: #14171b; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  figure, .headline > div, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll, .plot { overflow: visible; } table { font-size: 7pt; } pre { white-space: pre-wrap; } a { color: inherit; }
  .plots { grid-template-columns: repeat(auto-fill, minmax(min(var(--panel), 15rem), 1fr)); }
}
`;
