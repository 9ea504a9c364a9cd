/** The look every plot of the command line shares: one family of type, quiet axes, colours told apart without colour vision. */
export const plotTheme = {
  background: '#ffffff',
  font: 'Helvetica, Arial, sans-serif',
  padding: 12,
  axis: {
    domainColor: '#444444',
    tickColor: '#444444',
    labelColor: '#222222',
    titleColor: '#222222',
    gridColor: '#ececec',
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    tickSize: 4,
    labelPadding: 4,
    titlePadding: 8,
  },
  axisY: { minExtent: 44 },
  legend: {
    labelLimit: 0,
    labelFontSize: 12,
    labelColor: '#222222',
    symbolStrokeWidth: 2.5,
    symbolSize: 220,
    orient: 'top',
    title: null,
    offset: 8,
    columnPadding: 18,
  },
  title: {
    fontSize: 14,
    fontWeight: 'bold',
    color: '#111111',
    subtitleColor: '#555555',
    subtitleFontSize: 12,
    anchor: 'start',
    offset: 10,
  },
  view: { stroke: null },
} as const;

/** Blue and vermilion of Okabe & Ito's palette, and a grey for what they are compared with. */
export const plotColours = { reference: '#9a9a9a', main: '#0072b2', error: '#d55e00', bound: '#444444' } as const;
