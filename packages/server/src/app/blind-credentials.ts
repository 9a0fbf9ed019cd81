import { randomUUID } from 'node:crypto';
import {
  type BlindCredentialCreate,
  type BlindCredentialUpdate,
  compareCodePoints,
  type JsonObject,
  stringifyJson,
} from '@confidant/contract';
import type { CredentialDescription } from '../domain/acl.js';
import type { BlindCredential, BlindCredentialMetadata, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { audited, authorize, isAllowed, refuseSelfGrant } from './access.js';
import type { App, Caller } from './app.js';
import { type BlindCredentialView, blindCredentialView } from './blind-credential-view.js';
import { blindKeysOf, refuseConflicts } from './conflicts.js';
import { publishChange } from './events.js';
import { listHistory, type Page, type PageQuery } from './lists.js';
import { createRevision, refuseUndocumented, refuseUnexpected, type Revert, updateRevision } from './revisions.js';

const kind = 'blind-credential';
// The original asks no policy about blind credentials (bug 4). This server asks about them as about credentials.
const resourceType = 'blind_credential';

/** Lists all blind credentials, the oldest change first (compat). */
export async function listBlindCredentials(app: App, caller: Caller): Promise<BlindCredentialMetadata[]> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list blind credentials');
  const { rows } = await app.store.list(kind, { archived: false });
  return rows
    .map((row) => blindCredentialView(row, false).credential)
    .sort((a, b) => compareCodePoints(a.modifiedDate ?? '', b.modifiedDate ?? '') || compareCodePoints(a.id, b.id));
}

export async function createBlindCredential(
  app: App,
  caller: Caller,
  input: BlindCredentialCreate,
): Promise<BlindCredentialView> {
  const resource = described(input);
  await authorize(app, caller, { resourceType, action: 'create', resource }, 'create blind credentials');
  return audited(app, caller, { action: 'create', resourceType }, async (details) => {
    refuseUndocumented(app, input.documentation);
    const id = randomUUID().replaceAll('-', '');
    details.resourceId = id;
    const credential = await createRevision(app, kind, {
      id,
      revision: 1,
      name: input.name,
      credentialPairs: input.credential_pairs,
      dataKey: input.data_key,
      credentialKeys: keyNames(input.credential_keys),
      cipherType: input.cipher_type,
      cipherVersion: input.cipher_version,
      metadata: (input.metadata ?? {}) as JsonObject,
      enabled: input.enabled ?? true,
      documentation: input.documentation ?? null,
      modifiedBy: caller.principal.name,
      modifiedDate: null,
    });
    details.revision = credential.revision;
    // The ciphertext is the caller's own.
    return blindCredentialView(credential, true);
  });
}

/** Reads a blind credential. As with credentials, callers who may not `get` it still see its metadata. */
export async function getBlindCredential(app: App, caller: Caller, id: string): Promise<BlindCredentialView> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `blind credential ${id}`);
  const visible = await mayGet(app, caller, id);
  const what = { action: visible ? 'get' : 'metadata', resourceType, resourceId: id };
  return audited(app, caller, what, async (details) => {
    const credential = await requireBlindCredential(app, id, 'not_found');
    details.revision = credential.revision;
    return blindCredentialView(credential, visible);
  });
}

/**
 * Writes a new revision, in which only the fields that are present change. compat: data key and cipher belong to the
 * pairs, so without new pairs they are left alone, and with new pairs they are required.
 */
export async function updateBlindCredential(
  app: App,
  caller: Caller,
  id: string,
  input: BlindCredentialUpdate,
): Promise<BlindCredentialView> {
  await authorize(app, caller, { resourceType, action: 'update', resourceId: id }, `update blind credential ${id}`);
  return audited(app, caller, { action: 'update', resourceType, resourceId: id }, async (details) => {
    const { next: credential } = await updateRevision(
      app,
      kind,
      () => requireBlindCredential(app, id, 'wrong_kind'),
      async (current) => {
        refuseUnexpected(current, input.expected_revision);
        // compat: old clients revert by sending a whole old revision back, which may lack documentation.
        if (!input.revision) {
          refuseUndocumented(app, input.documentation === undefined ? current.documentation : input.documentation);
        }
        const next: BlindCredential = {
          ...current,
          ...(input.name !== undefined && { name: input.name }),
          ...(input.enabled !== undefined && { enabled: input.enabled }),
          ...(input.documentation !== undefined && { documentation: input.documentation }),
          ...(input.metadata !== undefined && { metadata: (input.metadata ?? {}) as JsonObject }),
          ...(input.credential_keys !== undefined && { credentialKeys: keyNames(input.credential_keys) }),
          ...newCiphertext(input),
          modifiedBy: caller.principal.name,
        };
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, described(current), described(next));
        if (input.credential_keys !== undefined) await refuseConflicts(app, blindKeysOf(next));
        return { next };
      },
    );
    details.revision = credential.revision;
    await publishChange(app, kind, credential);
    return blindCredentialView(credential, await mayGet(app, caller, id));
  });
}

/** Writes a new revision from an old one, ciphertext and all. */
export async function revertBlindCredential(
  app: App,
  caller: Caller,
  id: string,
  { revision, expected }: Revert,
): Promise<BlindCredentialView> {
  await authorize(app, caller, { resourceType, action: 'revert', resourceId: id }, `revert blind credential ${id}`);
  return audited(app, caller, { action: 'revert', resourceType, resourceId: id }, async (details) => {
    const { next: credential } = await updateRevision(
      app,
      kind,
      () => requireBlindCredential(app, id, 'wrong_kind'),
      async (current) => {
        refuseUnexpected(current, expected);
        const old = await app.store.getRevision(kind, id, revision);
        if (old === undefined) throw new Refusal('not_found', 'Blind credential not found.');
        if (contentOf(old) === contentOf(current)) {
          throw new Refusal('no_difference', 'No difference between old and new blind credential.');
        }
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, described(current), described(old));
        await refuseConflicts(app, blindKeysOf(old));
        return { next: { ...old, modifiedBy: caller.principal.name } };
      },
    );
    details.revision = credential.revision;
    await publishChange(app, kind, credential, true);
    return blindCredentialView(credential, await mayGet(app, caller, id));
  });
}

export async function getBlindCredentialServices(app: App, caller: Caller, id: string): Promise<Service[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `blind credential ${id}`);
  return app.services.mapping(kind, id);
}

/**
 * Lists the revisions of all blind credentials. compat: the original shows their ciphertext; this server shows it only
 * to callers who may `get` the credential.
 */
export async function listBlindCredentialHistory(
  app: App,
  caller: Caller,
  query: PageQuery,
): Promise<Page<BlindCredentialView>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list blind credentials');
  return audited(app, caller, { action: 'list', resourceType }, async (details) => {
    const { rows, nextPage } = await listHistory(app, kind, query);
    // The policy is asked once for every credential, not for every revision.
    const ids = [...new Set(rows.map(({ id }) => id))];
    const answers = await Promise.all(ids.map((id) => mayGet(app, caller, id)));
    const visible = new Set(ids.filter((_, i) => answers[i]));
    details.credentials = [...visible];
    return { rows: rows.map((row) => blindCredentialView(row, visible.has(row.id))), nextPage };
  });
}

/** Lists the revisions of one blind credential, newest first (compat). The current row is not repeated (bug 19). */
export async function getBlindCredentialHistory(app: App, caller: Caller, id: string): Promise<BlindCredentialView[]> {
  await authorize(
    app,
    caller,
    { resourceType, action: 'metadata', resourceId: id },
    `blind credential ${id} revisions`,
  );
  const visible = await mayGet(app, caller, id);
  const action = visible ? 'get' : 'metadata';
  return audited(app, caller, { action, resourceType, resourceId: id }, async () => {
    const current = await requireBlindCredential(app, id, 'not_found');
    const revisions = await app.store.getRevisions(kind, id, current.revision);
    return revisions.reverse().map((row) => blindCredentialView(row, visible));
  });
}

function mayGet(app: App, caller: Caller, id: string): Promise<boolean> {
  return isAllowed(app, caller, { resourceType, action: 'get', resourceId: id });
}

async function requireBlindCredential(
  app: App,
  id: string,
  otherKind: 'not_found' | 'wrong_kind',
): Promise<BlindCredential> {
  const found = await app.store.get(kind, id);
  if (found !== 'absent' && found !== 'other-kind') return found;
  throw found === 'other-kind' && otherKind === 'wrong_kind'
    ? new Refusal('wrong_kind', 'id provided is not a blind credential.')
    : new Refusal('not_found', 'Blind credential not found.');
}

function keyNames(keys: readonly string[] | null | undefined): string[] {
  return [...new Set(keys ?? [])].sort(compareCodePoints);
}

function newCiphertext(
  input: BlindCredentialUpdate,
): Partial<Pick<BlindCredential, 'credentialPairs' | 'dataKey' | 'cipherType' | 'cipherVersion'>> {
  if (input.credential_pairs === undefined) return {};
  const { data_key: dataKey, cipher_type: cipherType, cipher_version: cipherVersion } = input;
  if (dataKey === undefined) throw missing('data_key');
  if (!cipherType) throw missing('cipher_type');
  if (cipherVersion === undefined || cipherVersion === null) throw missing('cipher_version');
  return { credentialPairs: input.credential_pairs, dataKey, cipherType, cipherVersion };
}

function missing(field: string): Refusal {
  return new Refusal('invalid_request', `${field} required when updating credential_pairs.`);
}

/** The content that a revert brings back, as text: two texts are equal exactly if the contents are. */
function contentOf(row: BlindCredential): string {
  const sorted = (map: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(map).sort(([a], [b]) => compareCodePoints(a, b));
  return stringifyJson([
    row.name,
    row.enabled,
    row.documentation,
    row.metadata,
    sorted(row.credentialPairs),
    sorted(row.dataKey),
    keyNames(row.credentialKeys),
    row.cipherType,
    row.cipherVersion,
  ]);
}

/** Describes a blind credential, which has no tags, for the policy. */
function described({ name }: { name: string }): CredentialDescription {
  return { name, tags: [] };
}
