import type { ConfidantClient } from '../../sdk/client.js';
import { shownName } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';
import { similarTo } from '../arguments/similar.js';

/** What has a name besides its id; also the beginning of the option that takes the name: `--credential-name`. */
export type Nameable = 'credential' | 'blind-credential';

/** The page size asked for from servers that cut the list into pages. */
const PAGE_SIZE = 1000;
/** The client does not follow a server whose list goes on for ever. */
const MAX_PAGES = 1000;
/** Larger lists take too long to fetch. */
const MAX_NAMED = 200_000;
/** The number of names that an unknown one is compared with. */
const MAX_COMPARED = 10_000;
const MAX_SIMILAR = 3;
const MAX_IDS_SHOWN = 10;

/**
 * The id that an option gave, or that of the name which was given instead. Rejects with {@link CommandError} as
 * {@link resolveNames} does.
 */
export async function resolveId(
  client: ConfidantClient,
  kind: Nameable,
  { id, name }: { id: string | undefined; name: string | undefined },
): Promise<string> {
  return id ?? (await resolveNames(client, kind, [name!]))[0]!;
}

/**
 * The ids of what has exactly these names, in their order. Rejects with {@link CommandError} for names that do not exist,
 * with similar ones; for names that several have (servers of the original may give a name twice), with their ids; and for
 * a list that is too long. A name that something of the other kind has is reported as such, with `otherOption`, the option
 * that takes those. Of the list only what these messages need is kept in memory.
 */
export async function resolveNames(
  client: ConfidantClient,
  kind: Nameable,
  names: readonly string[],
  otherOption?: string,
): Promise<string[]> {
  if (names.length === 0) return [];
  const holders = new Map(names.map((name) => [name, new Set<string>()]));
  const compared = new Set<string>();
  const what = kind.replace('-', ' ');
  for await (const { id, name } of listNamed(client, kind)) {
    holders.get(name)?.add(copyOf(id));
    if (compared.size < MAX_COMPARED) compared.add(copyOf(name));
  }
  const unknown = [...holders.keys()].filter((name) => holders.get(name)!.size === 0);
  if (unknown.length > 0) {
    const described = unknown.map((name) => {
      const similar = similarTo(name, compared, MAX_SIMILAR).map(shownName);
      return similar.length === 0 ? name : `${name} (similar: ${similar.join(', ')})`;
    });
    const other = await describeOtherKind(client, kind, unknown, otherOption);
    throw new CommandError(`no ${what} is named ${described.join(' or ')}${other}`);
  }
  return names.map((name) => {
    const ids = [...holders.get(name)!];
    if (ids.length === 1) return ids[0]!;
    const more = ids.length > MAX_IDS_SHOWN ? `, … (${ids.length} in all)` : '';
    const shown = `${ids.slice(0, MAX_IDS_SHOWN).map(shownName).join(', ')}${more}`;
    throw new CommandError(`more than one ${what} is named ${name}: give the id, one of ${shown}`);
  });
}

/** Everything of `kind`, by name and id. Rejects with {@link CommandError} for a list that is too long. */
async function* listNamed(client: ConfidantClient, kind: Nameable): AsyncGenerator<Named> {
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

/** Says which of the `unknown` names something of the other kind has; nothing if the caller may not list it. */
async function describeOtherKind(
  client: ConfidantClient,
  kind: Nameable,
  unknown: readonly string[],
  option: string | undefined,
): Promise<string> {
  const other = kind === 'credential' ? 'blind-credential' : 'credential';
  const held = new Set<string>();
  try {
    for await (const { name } of listNamed(client, other)) if (unknown.includes(name)) held.add(name);
  } catch {
    // It is only a hint.
  }
  const names = unknown.filter((name) => held.has(name));
  const what = other.replace('-', ' ');
  if (names.length === 0) return '';
  return `; a ${what} is named ${names.join(' and ')}${option === undefined ? '' : `: use ${option}`}`;
}

interface Named {
  id: string;
  name: string;
}

/** The whole list: most servers send it at once, and others in pages. */
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

/** A copy, since a substring of a response keeps the whole response in memory. */
function copyOf(part: string): string {
  return Buffer.from(part).toString();
}
