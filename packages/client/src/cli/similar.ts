/** The name that a mistyped one most likely means: at most a third of its letters differ. Undefined when none does. */
export function similarTo(typed: string, names: readonly string[]): string | undefined {
  const short = typed.slice(0, 64).toLowerCase();
  const [nearest] = names
    .map((name) => ({ name, distance: distanceOf(short, name) }))
    .sort((one, other) => one.distance - other.distance);
  return nearest !== undefined && nearest.distance <= nearest.name.length / 3 ? nearest.name : undefined;
}

/** How many letters must be put in, taken out, changed or swapped with the next (optimal string alignment). */
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
