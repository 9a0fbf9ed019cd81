import { readFileSync } from 'node:fs';

const folder = new URL('../../../../test/golden/', import.meta.url);

/** Reads a recording that is JSON. */
export function golden<Content>(name: string): Content {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Content;
}

/** One recorded run of the original's command line. */
export interface Recording {
  name: string;
  argv: string[];
  stdin: string | null;
  rc: number;
  stdout: string;
  stderr: string;
}

export function recordings(): Recording[] {
  return golden<Recording[]>('client-outputs.json');
}
