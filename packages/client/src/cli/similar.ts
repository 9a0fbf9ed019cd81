/** The name that a mistyped one most likely means: at most a third of its letters differ. Undefined when none does. */
export function similarTo(typed: string, names: readonly string[]): string | undefined {
  const short = typed.slice(0, 64).toLowerCase();
  const [nearest] = names
    .map((name) => ({ name, distance: distanceOf(short, name) }))
    .sort((one, other) => one.distance - other.distance);
  return nearest !== undefined && nearest.distance <= nearest.name.length / 3 ? nearest.name : undefined;
}

/** How many letters must be put in, taken out or changed (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= other.length; column += 1) {
      const change = row[column - 1]! + (letter === other[column - 1] ? 0 : 1);
      next.push(Math.min(change, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
