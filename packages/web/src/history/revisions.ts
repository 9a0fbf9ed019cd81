import type { BlindCredentialBody, CredentialBody, JsonObject, ServiceBody } from '@confidant/contract';
import { stringifyJson } from '@confidant/contract/wire';

/** The kinds of things that have revisions, as their addresses name them. */
export type Kind = 'credentials' | 'blind_credentials' | 'services';

/** One revision of a thing, as far as lists tell: never a value. */
export interface Revision {
  number: number;
  by: string | null;
  date: string | null;
  enabled: boolean;
  name?: string;
  documentation?: string | null;
  tags?: readonly string[];
  metadata?: CredentialBody['metadata'];
  /** Differs where the values differ: when they were new, or the ciphertext of a blind credential. */
  values?: string | null;
  account?: string | null;
}

/** A field that differs between two revisions. Texts may be long; neither is a secret. */
export interface FieldDifference {
  field: string;
  old: string | undefined;
  now: string | undefined;
}

export function ofCredential(body: CredentialBody): Revision {
  const { name, documentation, tags, metadata } = body;
  return { ...common(body), name, documentation, tags, metadata, values: body.last_rotation_date };
}

export function ofBlindCredential(body: BlindCredentialBody): Revision {
  const { name, documentation, metadata } = body;
  const values = JSON.stringify([body.credential_pairs, body.data_key]);
  return { ...common(body), name, documentation, metadata, values };
}

export function ofService(body: ServiceBody): Revision {
  return { ...common(body), account: body.account };
}

function common(body: Pick<CredentialBody, 'revision' | 'modified_by' | 'modified_date' | 'enabled'>): Revision {
  return { number: body.revision, by: body.modified_by, date: body.modified_date, enabled: body.enabled };
}

/** What a revision changed, in a few words. `earlier` are all before it, newest first. */
export function summaryOf(revision: Revision, earlier: readonly Revision[], kind: Kind): string {
  const before = earlier[0];
  if (before === undefined) return revision.number === 1 ? 'Created' : 'The oldest that is known';
  const said: string[] = [];
  if (revision.values !== before.values) {
    const source = earlier.slice(1).find((each) => each.values === revision.values && each.values !== null);
    said.push(source === undefined ? 'new values' : `values of revision ${source.number} put back`);
  }
  for (const { field, old } of fieldDifferences(before, revision)) {
    if (field === 'name') said.push(`renamed from “${old}”`);
    else if (field === 'enabled') said.push(revision.enabled ? 'enabled' : 'disabled');
    else if (!field.startsWith('metadata ')) said.push(field);
    else if (!said.includes('metadata')) said.push('metadata');
  }
  const text = said.join(', ') || (kind === 'services' ? 'what it gets' : 'nothing that is shown');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The fields that differ, without the values of a credential and what a service gets. */
export function fieldDifferences(old: Revision, now: Revision): FieldDifference[] {
  const texts = (revision: Revision): [string, string | undefined][] => [
    ['name', revision.name],
    ['enabled', revision.enabled ? 'yes' : 'no'],
    ['documentation', revision.documentation ?? undefined],
    ['tags', revision.tags === undefined || revision.tags.length === 0 ? undefined : revision.tags.join(' ')],
    ['account', revision.account ?? undefined],
  ];
  const [before, after] = [new Map(texts(old)), new Map(texts(now))];
  const fields = [...before.keys()].map((field) => ({ field, old: before.get(field), now: after.get(field) }));
  const keys = new Set([...Object.keys(old.metadata ?? {}), ...Object.keys(now.metadata ?? {})]);
  const metadata = [...keys].map((key) => ({
    field: `metadata ${key}`,
    old: metadataText(old.metadata, key),
    now: metadataText(now.metadata, key),
  }));
  return [...fields, ...metadata].filter((each) => each.old !== each.now);
}

function metadataText(metadata: Revision['metadata'], key: string): string | undefined {
  if (metadata === undefined || !Object.hasOwn(metadata, key)) return undefined;
  const value = (metadata as JsonObject)[key]!;
  return typeof value === 'string' ? value : stringifyJson(value);
}
