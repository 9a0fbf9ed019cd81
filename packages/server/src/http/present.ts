import type {
  CertificateAuthorityBody,
  CertificateBody,
  BlindCredentialBody,
  BlindCredentialHistoryBody,
  BlindCredentialListBody,
  CredentialBody,
  CredentialListBody,
  GrantsBody,
  MappedBlindCredentialBody,
  ServiceBody,
  ServiceListBody,
} from '@confidant/contract';
import { type Instant, toIso, toRfc1123 } from '../domain/instant.js';
import type { Pairs } from '../domain/pairs.js';
import type { BlindCredential, CredentialMetadata, Service } from '../domain/records.js';
import { nextRotation, type RotationPolicy } from '../domain/rotation.js';
import type { BlindCredentialView } from '../app/blind-credentials.js';
import type { CredentialView, Permissions } from '../app/credentials.js';
import type { GrantsView } from '../app/grants.js';
import type { Page } from '../app/lists.js';
import type { CertificateAuthorityDescription, IssuedCertificate } from '../ports/certificates.js';
import type { ServiceView } from '../app/services.js';

/** Domain records as the wire shows them. */
export class Presenter {
  constructor(private readonly rotation: RotationPolicy) {}

  credential(view: CredentialView): CredentialBody {
    return this.#credential(view.credential, view.keys, view.pairs ?? {}, view.permissions);
  }

  credentialList(page: Page<CredentialMetadata>, archived: boolean): CredentialListBody {
    return {
      credentials: page.rows.map((row) => (archived ? this.#revision(row) : this.#credential(row))),
      next_page: page.nextPage,
    };
  }

  credentialRevisions(rows: readonly CredentialMetadata[]): CredentialBody[] {
    return rows.map((row) => this.#revision(row));
  }

  service(view: ServiceView): ServiceBody {
    return {
      ...service(view.service, view.permissions),
      credentials: view.credentials.map(({ credential, pairs }) =>
        this.#credential(credential, Object.keys(pairs), view.shown(credential.id) ? pairs : {}),
      ),
      blind_credentials: view.blindCredentials.map((blind) => mappedBlindCredential(blind, view.shown(blind.id))),
    };
  }

  serviceList(page: Page<Service>, archived: boolean): ServiceListBody {
    return { services: page.rows.map((row) => (archived ? revision(row) : service(row))), next_page: page.nextPage };
  }

  serviceRevisions(rows: readonly Service[]): ServiceBody[] {
    return rows.map(revision);
  }

  #revision(row: CredentialMetadata): CredentialBody {
    return { ...this.#credential(row), id: `${row.id}-${row.revision}` };
  }

  #credential(
    row: CredentialMetadata,
    keys: string[] = [],
    pairs: Pairs = {},
    permissions: Permissions = {},
  ): CredentialBody {
    return {
      id: row.id,
      name: row.name,
      revision: row.revision,
      enabled: row.enabled,
      documentation: row.documentation,
      metadata: row.metadata,
      tags: [...row.tags],
      credential_keys: keys,
      credential_pairs: pairs,
      modified_by: row.modifiedBy,
      modified_date: shown(row.modifiedDate),
      last_rotation_date: shown(row.lastRotationDate),
      next_rotation_date: shown(nextRotation(row, this.rotation)),
      permissions,
    };
  }
}

function service(row: Service, permissions: Permissions = {}): ServiceBody {
  return {
    id: row.id,
    revision: row.revision,
    enabled: row.enabled,
    account: row.account,
    modified_by: row.modifiedBy,
    modified_date: shown(row.modifiedDate),
    credentials: [],
    blind_credentials: [],
    permissions,
  };
}

function revision(row: Service): ServiceBody {
  return { ...service(row), id: `${row.id}-${row.revision}` };
}

/** compat: dates of these answers are RFC 1123, those of the same thing inside a service are not. */
export function blindCredential({ credential, withCiphertext }: BlindCredentialView): BlindCredentialBody {
  return { ...mappedBlindCredential(credential, withCiphertext), modified_date: shownRfc1123(credential.modifiedDate) };
}

export function blindCredentialList(rows: readonly BlindCredential[]): BlindCredentialListBody {
  return {
    blind_credentials: rows.map((row) => ({
      id: row.id,
      name: row.name,
      revision: row.revision,
      enabled: row.enabled,
      documentation: row.documentation,
      modified_by: row.modifiedBy,
      modified_date: shownRfc1123(row.modifiedDate),
    })),
  };
}

export function blindCredentialHistory(page: Page<BlindCredentialView>): BlindCredentialHistoryBody {
  return { blind_credentials: page.rows.map(blindCredentialRevision), next_page: page.nextPage };
}

export function blindCredentialRevision(view: BlindCredentialView): BlindCredentialBody {
  return { ...blindCredential(view), id: `${view.credential.id}-${view.credential.revision}` };
}

/** compat: without values the ciphertext and the data keys are left out too. */
function mappedBlindCredential(row: BlindCredential, withValues: boolean): MappedBlindCredentialBody {
  return {
    id: row.id,
    name: row.name,
    revision: row.revision,
    enabled: row.enabled,
    documentation: row.documentation,
    metadata: row.metadata,
    credential_keys: [...row.credentialKeys].sort(),
    credential_pairs: withValues ? row.credentialPairs : {},
    data_key: withValues ? row.dataKey : {},
    cipher_type: row.cipherType,
    cipher_version: row.cipherVersion,
    modified_by: row.modifiedBy,
    modified_date: shown(row.modifiedDate),
  };
}

function shown(date: Instant | null): string | null {
  return date === null ? null : toIso(date);
}

function shownRfc1123(date: Instant | null): string | null {
  return date === null ? null : toRfc1123(date);
}

export function grantsBody({ id, encrypt, decrypt }: GrantsView): GrantsBody {
  return { id, grants: { encrypt_grant: encrypt, decrypt_grant: decrypt } };
}

export function certificate(issued: IssuedCertificate): CertificateBody {
  return { certificate: issued.certificate, certificate_chain: issued.chain };
}

/** compat: a CA that has no tags shows an empty list, where others show a map. */
export function certificateAuthority(description: CertificateAuthorityDescription): CertificateAuthorityBody {
  const { ca, certificate, chain, tags } = description;
  return { ca, certificate, certificate_chain: chain, tags: tags ?? [] };
}
