import type { ConfidantClient } from '../client.js';
import type { Context } from './context.js';
import type { Given } from './given.js';
import { CommandError } from './outcome.js';
import { similarTo } from './similar.js';

/** What has a name beside its id; also the beginning of the option that takes the name: `--credential-name`. */
export type Nameable = 'credential' | 'blind-credential';

const PAGE_SIZE = 1000;
/** A list of more pages than this does not end. */
const MAX_PAGES = 1000;
const MAX_SIMILAR = 3;

/**
 * The id that an option gives, or that of the name in its `-name` sibling. Rejects with {@link CommandError} as
 * {@link idsOfNames} does.
 */
export async function idOf(context: Context, given: Given, kind: Nameable, option: string): Promise<string> {
  const id = given.text(option);
  if (id !== undefined) return id;
  const [found] = await idsOfNames(await context.client(), kind, [given.needed(`${kind}-name`)]);
  return found!;
}

/**
 * The ids of what has exactly these names, in their order. Rejects with {@link CommandError} that tells the names that
 * nothing has, with similar ones, and the ids of those that more than one has: servers of the original may give a name
 * twice. What is a name of the other kind is told as such, with the option that takes those, `forOther`.
 */
export async function idsOfNames(
  client: ConfidantClient,
  kind: Nameable,
  names: readonly string[],
  forOther?: string,
): Promise<string[]> {
  if (names.length === 0) return [];
  const holders = new Map<string, Set<string>>();
  for (const { id, name } of await allOf(client, kind)) {
    holders.set(name, (holders.get(name) ?? new Set()).add(id));
  }
  const what = kind.replace('-', ' ');
  const unknown = [...new Set(names)].filter((name) => !holders.has(name));
  if (unknown.length > 0) {
    const described = unknown.map((name) => {
      const similar = similarTo(name, holders.keys(), MAX_SIMILAR);
      return similar.length === 0 ? name : `${name} (similar: ${similar.join(', ')})`;
    });
    const other = await describeOther(client, kind, unknown, forOther);
    throw new CommandError(`no ${what} is named ${described.join(' or ')}${other}`);
  }
  return names.map((name) => {
    const ids = [...holders.get(name)!];
    if (ids.length === 1) return ids[0]!;
    throw new CommandError(`more than one ${what} is named ${name}: give the id, one of ${ids.join(', ')}`);
  });
}

function allOf(client: ConfidantClient, kind: Nameable): Promise<Named[]> {
  return kind === 'credential' ? allCredentials(client) : allBlindCredentials(client);
}

/** Of names that nothing of `kind` has, those that something of the other kind has. Who may not list it is told nothing. */
async function describeOther(
  client: ConfidantClient,
  kind: Nameable,
  unknown: readonly string[],
  option: string | undefined,
): Promise<string> {
  const other = kind === 'credential' ? 'blind-credential' : 'credential';
  const held = new Set((await allOf(client, other).catch(() => [])).map(({ name }) => name));
  const names = unknown.filter((name) => held.has(name));
  const what = other.replace('-', ' ');
  if (names.length === 0) return '';
  return `; a ${what} is named ${names.join(' and ')}${option === undefined ? '' : `: ${option} takes those`}`;
}

interface Named {
  id: string;
  name: string;
}

/** The whole list. Asked for at once, it comes whole from most servers; one that cuts it into pages is followed. */
async function allCredentials(client: ConfidantClient): Promise<Named[]> {
  const found: Named[] = [];
  let page: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    // compat: a page counts only with a limit.
    const answer = await client.listCredentials(page === undefined ? {} : { limit: PAGE_SIZE, page });
    found.push(...answer.credentials);
    if (!answer.next_page) return found;
    page = answer.next_page;
  }
  throw new CommandError('the list of credentials does not end: give ids instead of names');
}

async function allBlindCredentials(client: ConfidantClient): Promise<Named[]> {
  return (await client.listBlindCredentials()).blind_credentials;
}
