import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Makes a directory for one test, which is removed when the test is over. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'confidant-embedded-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
