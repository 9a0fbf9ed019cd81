import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Asset, WebApp } from '../http/web-app.js';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const SMALLEST_COMPRESSED = 1024;

/**
 * Reads the built application into memory.
 *
 * @param directory with `index.html` and `assets/app/`
 * @throws when a file cannot be read, or there is no stylesheet
 */
export function readWebApp(directory: string): WebApp {
  const folder = join(directory, 'assets/app');
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const plain = readFileSync(join(folder, name));
    const isText = !name.endsWith('.woff2') && plain.length >= SMALLEST_COMPRESSED;
    assets.set(name, { type, plain, gzip: isText ? gzipSync(plain, { level: 9 }) : undefined });
  }
  const style = [...assets].find(([name]) => name.endsWith('.css'))?.[1].plain;
  if (style === undefined) throw new Error(`${folder} has no stylesheet: run npm run build`);
  return { page: readFileSync(join(directory, 'index.html')), style, assets };
}
