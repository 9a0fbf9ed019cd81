/** Longer names take long to compare, and their first letters suffice. */
const MAX_LETTERS = 64;
const MIN_PART = 3;

/**
 * The names that a mistyped one most likely means, at most `most`, best first: those of which at most a third of the
 * letters differ, or which contain it. Case does not count.
 */
export function similarTo(typed: string, names: Iterable<string>, most: number): string[] {
  const wanted = plain(typed);
  const found: { name: string; distance: number }[] = [];
  for (const name of new Set(names)) {
    const other = plain(name);
    const longest = Math.max(wanted.length, other.length);
    const isPart = wanted.length >= MIN_PART && other.includes(wanted);
    if (!isPart && Math.abs(wanted.length - other.length) > longest / 3) continue;
    const distance = distanceOf(wanted, other);
    if (distance <= other.length / 3 || isPart) found.push({ name, distance });
  }
  found.sort((one, other) => one.distance - other.distance);
  return found.slice(0, most).map(({ name }) => name);
}

function plain(name: string): string {
  return name.slice(0, MAX_LETTERS).toLowerCase();
}

/** The number of letters to insert, delete, change or swap with the next (optimal string alignment distance). */
function distanceOf(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let index = 0; index < one.length; index += 1) {
    const next = [index + 1];
    for (let column = 1; column <= other.length; column += 1) {
      const change = row[column - 1]! + (one[index] === other[column - 1] ? 0 : 1);
      const isSwap = column > 1 && one[index] === other[column - 2] && one[index - 1] === other[column - 1];
      const swap = isSwap ? before[column - 2]! + 1 : Infinity;
      next.push(Math.min(change, row[column]! + 1, next[column - 1]! + 1, swap));
    }
    [before, row] = [row, next];
  }
  return row[other.length]!;
}
