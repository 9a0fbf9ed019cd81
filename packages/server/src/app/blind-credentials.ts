import { randomUUID } from 'node:crypto';
import {
  type BlindCredentialCreate,
  type BlindCredentialUpdate,
  compareCodePoints,
  type JsonObject,
  stringifyJson,
} from '@confidant/contract';
import type { Described } from '../domain/acl.js';
import type { BlindCredential, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { audited, authorize, isAllowed, refuseSelfGrant } from './access.js';
import type { App, Caller } from './app.js';
import { requireDocumentation } from './credentials.js';
import { announce, blindKeyHolder, refuseConflicts } from './conflicts.js';
import { listPage, type Page } from './lists.js';
import { refuseUnexpected, writeRevision, type Revert } from './revisions.js';

/** A blind credential with as much as the caller may see. */
export interface BlindCredentialView {
  credential: BlindCredential;
  /** Whether ciphertext and data keys are shown. */
  withCiphertext: boolean;
}

const kind = 'blind-credential';
// The original has no hooks here (bug 4); these are the ones of credentials.
const resourceType = 'blind_credential';

/** compat: all of them, oldest change first. */
export async function listBlindCredentials(app: App, caller: Caller): Promise<BlindCredential[]> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list blind credentials');
  const { rows } = await app.store.list(kind, { archived: false });
  return rows.sort(
    (a, b) => compareCodePoints(a.modifiedDate ?? '', b.modifiedDate ?? '') || compareCodePoints(a.id, b.id),
  );
}

export async function createBlindCredential(
  app: App,
  caller: Caller,
  input: BlindCredentialCreate,
): Promise<BlindCredentialView> {
  const resource = described(input);
  await authorize(app, caller, { resourceType, action: 'create', resource }, 'create blind credentials');
  return audited(app, caller, { action: 'create', resourceType }, async (details) => {
    if (app.enforceDocumentation) requireDocumentation(input.documentation);
    const id = randomUUID().replaceAll('-', '');
    details.resourceId = id;
    const credential = await writeRevision(
      app,
      kind,
      () => Promise.resolve('absent'),
      () =>
        Promise.resolve<BlindCredential>({
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
        }),
    );
    details.revision = credential.revision;
    // Whoever made the ciphertext may see it again.
    return { credential, withCiphertext: true };
  });
}

/** As with credentials, `get` denied still answers, without what `get` protects. */
export async function getBlindCredential(app: App, caller: Caller, id: string): Promise<BlindCredentialView> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `blind credential ${id}`);
  const withCiphertext = await mayGet(app, caller, id);
  const what = { action: withCiphertext ? 'get' : 'metadata', resourceType, resourceId: id };
  return audited(app, caller, what, async (details) => {
    const credential = await requireBlindCredential(app, id, 'not_found');
    details.revision = credential.revision;
    return { credential, withCiphertext };
  });
}

/**
 * Only the fields present change. compat: data key and cipher belong to the pairs, so without new pairs they are left
 * alone, and with new pairs they are required.
 */
export async function updateBlindCredential(
  app: App,
  caller: Caller,
  id: string,
  input: BlindCredentialUpdate,
): Promise<BlindCredentialView> {
  await authorize(app, caller, { resourceType, action: 'update', resourceId: id }, `update blind credential ${id}`);
  return audited(app, caller, { action: 'update', resourceType, resourceId: id }, async (details) => {
    const credential = await writeRevision(
      app,
      kind,
      () => requireBlindCredential(app, id, 'wrong_kind'),
      async (row) => {
        const current = row as BlindCredential;
        refuseUnexpected(current, input.expected_revision);
        // compat: old clients revert by sending a whole old revision back, which may lack documentation.
        if (app.enforceDocumentation && !input.revision) {
          requireDocumentation(input.documentation === undefined ? current.documentation : input.documentation);
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
        if (input.credential_keys !== undefined) await refuseConflicts(app, blindKeyHolder(next));
        return next;
      },
    );
    details.revision = credential.revision;
    await announce(app, kind, credential);
    return { credential, withCiphertext: await mayGet(app, caller, id) };
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
    const credential = await writeRevision(
      app,
      kind,
      () => requireBlindCredential(app, id, 'wrong_kind'),
      async (row) => {
        refuseUnexpected(row, expected);
        const old = await app.store.getRevision(kind, id, revision);
        if (old === undefined) throw new Refusal('not_found', 'Blind credential not found.');
        if (contentOf(old) === contentOf(row as BlindCredential)) {
          throw new Refusal('no_difference', 'No difference between old and new blind credential.');
        }
        const names = [described(row as BlindCredential), described(old)] as const;
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, ...names);
        await refuseConflicts(app, blindKeyHolder(old));
        return { ...old, modifiedBy: caller.principal.name };
      },
    );
    details.revision = credential.revision;
    await announce(app, kind, credential, true);
    return { credential, withCiphertext: await mayGet(app, caller, id) };
  });
}

export async function getBlindCredentialServices(app: App, caller: Caller, id: string): Promise<Service[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `blind credential ${id}`);
  return app.services.mapping(kind, id);
}

/** compat: histories of blind credentials show ciphertext; ours to those who may `get` the credential. */
export async function listBlindCredentialHistory(
  app: App,
  caller: Caller,
  query: { limit?: number | undefined; page?: string | undefined },
): Promise<Page<BlindCredentialView>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list blind credentials');
  return audited(app, caller, { action: 'list', resourceType }, async (details) => {
    const { rows, nextPage } = await listPage(app, kind, true, query);
    const verdicts = new Map<string, Promise<boolean>>();
    const verdict = (id: string): Promise<boolean> => {
      const known = verdicts.get(id) ?? mayGet(app, caller, id);
      verdicts.set(id, known);
      return known;
    };
    const views = await Promise.all(
      rows.map(async (credential) => ({ credential, withCiphertext: await verdict(credential.id) })),
    );
    details.credentials = [...new Set(views.flatMap((each) => (each.withCiphertext ? [each.credential.id] : [])))];
    return { rows: views, nextPage };
  });
}

/** compat: newest first. Bug 19: the current row is not repeated. */
export async function getBlindCredentialHistory(app: App, caller: Caller, id: string): Promise<BlindCredentialView[]> {
  await authorize(
    app,
    caller,
    { resourceType, action: 'metadata', resourceId: id },
    `blind credential ${id} revisions`,
  );
  const withCiphertext = await mayGet(app, caller, id);
  const action = withCiphertext ? 'get' : 'metadata';
  return audited(app, caller, { action, resourceType, resourceId: id }, async () => {
    const current = await requireBlindCredential(app, id, 'not_found');
    const revisions = await app.store.getRevisions(kind, id, current.revision);
    return revisions.reverse().map((credential) => ({ credential, withCiphertext }));
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

/** Everything a revert could bring back, as text that is equal exactly when it is. */
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

/** For the policy; there are no tags here. */
function described({ name }: { name: string }): Described {
  return { name, tags: [] };
}
