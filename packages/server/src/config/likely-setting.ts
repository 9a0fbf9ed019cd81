/** Shorter names are too often one letter away from another by chance. */
const MIN_LENGTH = 8;
/** From this length on, names may differ by two letters. */
const LONG = 9;

/**
 * The setting that a variable was probably meant to be, undefined if none is near: its name differs by a letter or two, by
 * case, by underscores, or by a beginning `CONFIDANT_` or an ending `_FILE` that the setting does not have.
 *
 * @param settings the names to look among
 */
export function likelySetting(variable: string, settings: readonly string[]): string | undefined {
  if (variable.length < MIN_LENGTH || variable.length > 64) return undefined;
  const name = variable.toUpperCase();
  const bare = [name.replace(/^CONFIDANT_/, ''), name.replace(/_FILE$/, '')];
  const exact = settings.find((setting) => setting === name || bare.includes(setting));
  if (exact !== undefined) return exact;
  const plain = squeezed(name);
  const most = plain.length >= LONG ? 2 : 1;
  let nearest: { setting: string; distance: number } | undefined;
  for (const setting of settings) {
    if (setting.length < MIN_LENGTH || Math.abs(squeezed(setting).length - plain.length) > most) continue;
    const distance = distanceOf(plain, squeezed(setting));
    if (distance <= most && distance < (nearest?.distance ?? Infinity)) nearest = { setting, distance };
  }
  return nearest?.setting;
}

function squeezed(name: string): string {
  return name.replaceAll('_', '');
}

/** The number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment). */
function distanceOf(one: string, two: string): number {
  let [before, last]: number[][] = [[], Array.from({ length: two.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= two.length; j++) {
      const replaced = last![j - 1]! + (one[i - 1] === two[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && one[i - 1] === two[j - 2] && one[i - 2] === two[j - 1];
      row.push(Math.min(replaced, last![j]! + 1, row[j - 1]! + 1, isSwap ? before![j - 2]! + 1 : Infinity));
    }
    [before, last] = [last, row];
  }
  return last!.at(-1)!;
}
