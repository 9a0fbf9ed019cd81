// Measures the web application in headless Chromium: sizes of its files, and how long a person waits for a list and for a
// filter. `node bench/web.mjs`; RUNS=9 makes more runs. Chromium must be installed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { directory } from '../packages/web/index.js';
import { openDatabase } from '../packages/server/dist/adapters/store/sqlite/schema.js';
import { issueLoginLink, loginLink } from '../packages/server/dist/embedded/login-link.js';
import { median } from './load.mjs';
import { startSqlite } from './servers.mjs';

const RUNS = Number(process.env.RUNS ?? 5);
const PATIENCE_MS = 60_000;

/** Types into the filter, and resolves with the milliseconds until the frame after the rows have changed. */
const KEY_PRESS = `new Promise((resolve) => {
  const field = document.querySelector('input[type=search]');
  const status = document.querySelector('.filter [role=status]');
  const before = status.textContent;
  const begun = performance.now();
  new MutationObserver((_, observer) => {
    if (status.textContent === before || !status.textContent.startsWith('1 of')) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - begun));
  }).observe(status, { childList: true, characterData: true, subtree: true });
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, '"copy 00777"');
  field.dispatchEvent(new Event('input', { bubbles: true }));
})`;

printSizes();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const server = await startSqlite(1);
const { origin } = new URL(server.url);
try {
  let rows = 10;
  for (const wanted of [1_000, 10_000]) {
    copyRows(rows + 1, wanted);
    rows = wanted;
    await measureList(rows);
  }
} finally {
  await browser.close();
  await server.stop();
}

/** Prints the compressed size of what the first list loads, and of everything. */
function printSizes() {
  const files = [];
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = readFileSync(join(entry.parentPath, entry.name));
    files.push({ name: entry.name, size: entry.name.endsWith('.woff2') ? content.length : gzipSync(content).length });
  }
  const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  const sum = (end) => files.filter(({ name }) => name.endsWith(end)).reduce((all, { size }) => all + size, 0);
  const page = readFileSync(join(directory, 'index.html'), 'utf8');
  const first = files.filter(({ name }) => name.endsWith('.js') && page.includes(name));
  console.log(
    `script of the first list, gzip   ${kB(first.reduce((all, { size }) => all + size, 0))}   (budget 165 kB)`,
  );
  console.log(`all script, gzip                 ${kB(sum('.js'))}   (budget 300 kB)`);
  console.log(`styles, gzip                     ${kB(sum('.css'))}   (budget 12 kB)`);
  console.log(`fonts                            ${kB(sum('.woff2'))}`);
}

/** Copies the first credential until there are `to` rows; the list shows the copies, nobody opens them. */
function copyRows(from, to) {
  const db = openDatabase(join(server.dataDir, 'confidant.db'), PATIENCE_MS);
  const [id, name] = db.prepare("SELECT id, name FROM rows WHERE data_type = 'credential' LIMIT 1").get();
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT ?3 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
     INSERT INTO rows (id, data_type, revision, modified_date, name, body, sealed)
     SELECT printf('%032x', i), data_type, revision, modified_date, printf('Copy %05d', i),
       replace(replace(body, ?1, printf('%032x', i)), ?2, printf('Copy %05d', i)), sealed
     FROM rows, n WHERE id = ?1`,
  ).run(id, name, from, to);
  db.close();
}

async function measureList(rows) {
  const [cold, warm, all, key] = [[], [], [], []];
  const status = `${rows.toLocaleString('en')} credentials`;
  for (let run = 0; run < RUNS; run++) {
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto(loginLink(origin, issueLoginLink(server.dataDir)));
    await page.waitForURL(/\/credentials$/);
    await page.getByText(status, { exact: true }).waitFor();
    const session = await context.newCDPSession(page);
    await session.send('Network.clearBrowserCache');
    for (const times of [cold, warm]) {
      const begun = performance.now();
      await page.goto(`${origin}/credentials`, { waitUntil: 'commit' });
      await page.locator('tbody tr[aria-rowindex]').first().waitFor();
      times.push(performance.now() - begun);
      if (times !== warm) continue;
      await page.getByText(status, { exact: true }).waitFor();
      all.push(performance.now() - begun);
    }
    key.push(await page.evaluate(KEY_PRESS));
    await context.close();
  }
  for (const [what, times] of [
    ['first rows, nothing cached', cold],
    ['first rows, files cached', warm],
    ['all rows read, files cached', all],
    ['key press to filtered rows', key],
  ]) {
    times.sort((a, b) => a - b);
    const text = `${median(times).toFixed(0)} ms (${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)})`;
    console.log(`${rows.toLocaleString('en').padStart(6)} rows: ${what.padEnd(28)} ${text}`);
  }
}
