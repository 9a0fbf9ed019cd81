import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const LIST = 'docs/original-bugs.md';

/** The numbers of the list's lines, in the order of the page. */
function listedBugs(): number[] {
  const page = readFileSync(join(ROOT, LIST), 'utf8');
  return [...page.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
}

/** All text files below `folder`, as paths from the root of the repository. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js|mjs|md|yaml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

/** The numbers that a text names: `bug 12`, `bugs 3 and 19`, `bugs 17, 23`. */
function bugsNamedIn(text: string): number[] {
  return [...text.matchAll(/\bbugs?\s+(\d+(?:(?:,\s*|\s+and\s+)\d+)*)/gi)].flatMap(([, numbers]) =>
    numbers!.match(/\d+/g)!.map(Number),
  );
}

describe("the list of the original's bugs", () => {
  test('numbers its lines 1, 2, 3, … without a gap or a duplicate', () => {
    const listed = listedBugs();
    expect(listed.length).toBeGreaterThan(20);
    expect(listed).toEqual(listed.map((_, index) => index + 1));
  });

  test('has a line for every bug that the code, the tests and the docs name', () => {
    const packages = readdirSync(join(ROOT, 'packages'));
    const folders = [...packages.flatMap((name) => [`packages/${name}/src`, `packages/${name}/test`]), 'docs'];
    const files = folders.filter((folder) => existsSync(join(ROOT, folder)));
    const listed = new Set(listedBugs());
    const named = files
      .flatMap(filesBelow)
      .flatMap((file) => bugsNamedIn(readFileSync(join(ROOT, file), 'utf8')).map((bug) => ({ file, bug })));
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ bug }) => !listed.has(bug))).toEqual([]);
  });

  test('is linked from the first page and from the guide to the migration', () => {
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain('(docs/original-bugs.md)');
    expect(readFileSync(join(ROOT, 'docs/migration.md'), 'utf8')).toContain('(original-bugs.md)');
  });
});
