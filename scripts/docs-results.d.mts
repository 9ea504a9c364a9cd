export function resultsPage(page: string, tools: Readonly<Record<string, unknown>>): string;
