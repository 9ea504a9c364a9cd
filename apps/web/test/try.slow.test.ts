import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { draw, launchBrowser as launchChromium } from './browser.ts';
import { buildPage } from './build.ts';
import { smallModel, smallProgram, startService } from './small.ts';

it('shots', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-try-'));
  console.log(await buildPage(join(folder, 'page'), { insecure: true }));
  const program = await smallProgram(folder, smallModel());
  const service = await startService({ folders: [program], data: join(folder, 'data'), page: join(folder, 'page') });
  console.log(service.url);
  const browser = await launchChromium();
  for (const [width, height, colorScheme] of [
    [1200, 900, 'light'],
    [1200, 900, 'dark'],
    [390, 844, 'light'],
    [390, 844, 'dark'],
  ] as const) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, deviceScaleFactor: 1 });
    const page = await context.newPage();
    page.on('console', (m) => console.log('console', m.text()));
    page.on('pageerror', (e) => console.log('pageerror', e.message));
    await page.goto(service.url);
    await page.waitForFunction(
      () =>
        !document.getElementById('before')!.textContent!.includes('…') || !document.getElementById('problem')!.hidden,
    );
    const shot = (name: string) =>
      page.screenshot({ path: `/tmp/pb/${width}-${colorScheme}-${name}.png`, fullPage: true });
    await shot('1start');
    await draw(page, '3');
    await page.click('#ask');
    await page.waitForTimeout(900);
    await shot('2busy');
    await page.waitForFunction(
      () => !document.getElementById('answer')!.hidden || !document.getElementById('problem')!.hidden,
      undefined,
      { timeout: 240000 },
    );
    await shot('3answer');
    await page.click('#reveal');
    await page.waitForTimeout(300);
    await shot('4scores');
    await page.click('#forget');
    await page.waitForTimeout(200);
    await page.screenshot({ path: `/tmp/pb/${width}-${colorScheme}-5delete.png` });
    await context.close();
  }
  await browser.close();
  await service.kill();
});
