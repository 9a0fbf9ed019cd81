import type { ConfidantClient } from '../../sdk/client.js';
import { shownName } from '../../text/variables.js';
import type { Context } from '../context.js';
import type { Given } from '../arguments/options.js';
import { CommandError } from '../arguments/errors.js';
import { similarTo } from '../arguments/similar.js';

/** What has a name beside its id; also the beginning of the option that takes the name: `--credential-name`. */
export type Nameable = 'credential' | 'blind-credential';

const PAGE_SIZE = 1000;
/** A list of more pages than this does not end. */
const MAX_PAGES = 1000;
/** More take long to fetch, and a server that goes on for ever is not followed. */
const MAX_NAMED = 200_000;
/** So many names a mistyped one is compared with. */
const MAX_COMPARED = 10_000;
const MAX_SIMILAR = 3;
const MAX_IDS_TOLD = 10;

/**
 * The id that an option gives, or that of the name in its `-name` sibling. Rejects with {@link CommandError} as
 * {@link idsOfNames} does.
 */
export async function idOf(context: Context, given: Given, kind: Nameable, option: string): Promise<string> {
  const id = given.text(option);
  if (id !== undefined) return id;
  const [found] = await idsOfNames(await context.connections.client(), kind, [given.needed(`${kind}-name`)]);
  return found!;
}

/**
 * The ids of what has exactly these names, in their order. Rejects with {@link CommandError} that tells the names that
 * nothing has, with similar ones, and the ids of those that more than one has: servers of the original may give a name
 * twice; and for a list that is too long. Of the list no more is kept than that takes. What is a name of the other kind
 * is told as such, with the option that takes those, `forOther`.
 */
export async function idsOfNames(
  client: ConfidantClient,
  kind: Nameable,
  names: readonly string[],
  forOther?: string,
): Promise<string[]> {
  if (names.length === 0) return [];
  const holders = new Map(names.map((name) => [name, new Set<string>()]));
  const compared = new Set<string>();
  const what = kind.replace('-', ' ');
  for await (const { id, name } of namedOf(client, kind)) {
    holders.get(name)?.add(ownText(id));
    if (compared.size < MAX_COMPARED) compared.add(ownText(name));
  }
  const unknown = [...holders.keys()].filter((name) => holders.get(name)!.size === 0);
  if (unknown.length > 0) {
    const described = unknown.map((name) => {
      const similar = similarTo(name, compared, MAX_SIMILAR).map(shownName);
      return similar.length === 0 ? name : `${name} (similar: ${similar.join(', ')})`;
    });
    const other = await describeOther(client, kind, unknown, forOther);
    throw new CommandError(`no ${what} is named ${described.join(' or ')}${other}`);
  }
  return names.map((name) => {
    const ids = [...holders.get(name)!];
    if (ids.length === 1) return ids[0]!;
    const more = ids.length > MAX_IDS_TOLD ? `, … (${ids.length} in all)` : '';
    const told = `${ids.slice(0, MAX_IDS_TOLD).map(shownName).join(', ')}${more}`;
    throw new CommandError(`more than one ${what} is named ${name}: give the id, one of ${told}`);
  });
}

/** All that has a name. Rejects with {@link CommandError} for a list that is too long. */
async function* namedOf(client: ConfidantClient, kind: Nameable): AsyncGenerator<Named> {
  let seen = 0;
  for await (const page of kind === 'credential' ? credentialPages(client) : blindCredentialPages(client)) {
    seen += page.length;
    if (seen > MAX_NAMED) {
      throw new CommandError(`there are more than ${MAX_NAMED} ${kind.replace('-', ' ')}s: give ids instead of names`);
    }
    for (const entry of page as readonly (Partial<Named> | null)[]) {
      if (typeof entry?.id === 'string' && typeof entry.name === 'string') yield { id: entry.id, name: entry.name };
    }
  }
}

/** Of names that nothing of `kind` has, those that something of the other kind has. Who may not list it is told nothing. */
async function describeOther(
  client: ConfidantClient,
  kind: Nameable,
  unknown: readonly string[],
  option: string | undefined,
): Promise<string> {
  const other = kind === 'credential' ? 'blind-credential' : 'credential';
  const held = new Set<string>();
  try {
    for await (const { name } of namedOf(client, other)) if (unknown.includes(name)) held.add(name);
  } catch {
    // It is only a hint.
  }
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
async function* credentialPages(client: ConfidantClient): AsyncGenerator<readonly Named[]> {
  let page: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    // compat: a page counts only with a limit.
    const answer = await client.listCredentials(page === undefined ? {} : { limit: PAGE_SIZE, page });
    yield answer.credentials;
    if (!answer.next_page) return;
    page = answer.next_page;
  }
  throw new CommandError('the list of credentials does not end: give ids instead of names');
}

async function* blindCredentialPages(client: ConfidantClient): AsyncGenerator<readonly Named[]> {
  yield (await client.listBlindCredentials()).blind_credentials;
}

/** A text of its own: a part of an answer would keep the whole of it in memory. */
function ownText(part: string): string {
  return Buffer.from(part).toString();
}
