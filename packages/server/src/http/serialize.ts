import type {
  BlindCredentialBody,
  BlindCredentialHistoryBody,
  BlindCredentialListBody,
  CertificateAuthorityBody,
  CertificateBody,
  CredentialBody,
  CredentialListBody,
  GrantsBody,
  MappedBlindCredentialBody,
  ServiceBody,
  ServiceListBody,
} from '@confidant/contract';
import type { BlindCredentialView } from '../app/blind-credential-view.js';
import type { CredentialView, Permissions, VisibleCredential } from '../app/credential-view.js';
import type { GrantsView } from '../app/grants.js';
import type { Page } from '../app/lists.js';
import type { ServiceView } from '../app/service-view.js';
import { type Instant, toIso, toRfc1123 } from '../domain/instant.js';
import type { BlindCredentialMetadata, CredentialMetadata, Service } from '../domain/records.js';
import { nextRotation, type RotationPolicy } from '../domain/rotation.js';
import type { CertificateAuthorityDescription, IssuedCertificate } from '../ports/certificates.js';

/** Writes credentials, and services with theirs, in the wire's form. Shows all of what the views carry. */
export class CredentialSerializer {
  constructor(private readonly rotation: RotationPolicy) {}

  credential(view: CredentialView): CredentialBody {
    return this.#credential(view, view.permissions);
  }

  credentialList(page: Page<CredentialMetadata>): CredentialListBody {
    return { credentials: page.rows.map((row) => this.#credential(metadataOnly(row))), next_page: page.nextPage };
  }

  credentialHistory(page: Page<CredentialMetadata>): CredentialListBody {
    return { credentials: this.credentialRevisions(page.rows), next_page: page.nextPage };
  }

  credentialRevisions(rows: readonly CredentialMetadata[]): CredentialBody[] {
    return rows.map((row) => ({ ...this.#credential(metadataOnly(row)), id: `${row.id}-${row.revision}` }));
  }

  service(view: ServiceView): ServiceBody {
    return {
      ...service(view.service, view.permissions),
      credentials: view.credentials.map((each) => this.#credential(each)),
      blind_credentials: view.blindCredentials.map(mappedBlindCredential),
    };
  }

  #credential({ credential, keys, pairs }: VisibleCredential, permissions: Permissions = {}): CredentialBody {
    return {
      id: credential.id,
      name: credential.name,
      revision: credential.revision,
      enabled: credential.enabled,
      documentation: credential.documentation,
      metadata: credential.metadata,
      tags: [...credential.tags],
      credential_keys: keys,
      credential_pairs: pairs ?? {},
      modified_by: credential.modifiedBy,
      modified_date: iso(credential.modifiedDate),
      last_rotation_date: iso(credential.lastRotationDate),
      next_rotation_date: iso(nextRotation(credential, this.rotation)),
      permissions,
    };
  }
}

/** compat: lists show no keys either. */
function metadataOnly(credential: CredentialMetadata): VisibleCredential {
  return { credential, keys: [], pairs: undefined };
}

export function serviceList(page: Page<Service>): ServiceListBody {
  return { services: page.rows.map((row) => service(row)), next_page: page.nextPage };
}

export function serviceHistory(page: Page<Service>): ServiceListBody {
  return { services: serviceRevisions(page.rows), next_page: page.nextPage };
}

export function serviceRevisions(rows: readonly Service[]): ServiceBody[] {
  return rows.map((row) => ({ ...service(row), id: `${row.id}-${row.revision}` }));
}

function service(row: Service, permissions: Permissions = {}): ServiceBody {
  return {
    id: row.id,
    revision: row.revision,
    enabled: row.enabled,
    account: row.account,
    modified_by: row.modifiedBy,
    modified_date: iso(row.modifiedDate),
    credentials: [],
    blind_credentials: [],
    permissions,
  };
}

/** compat: dates are RFC 1123 in these responses, but ISO 8601 in blind credentials inside a service. */
export function blindCredential(view: BlindCredentialView): BlindCredentialBody {
  return { ...mappedBlindCredential(view), modified_date: rfc1123(view.credential.modifiedDate) };
}

export function blindCredentialList(rows: readonly BlindCredentialMetadata[]): BlindCredentialListBody {
  return {
    blind_credentials: rows.map((row) => ({
      id: row.id,
      name: row.name,
      revision: row.revision,
      enabled: row.enabled,
      documentation: row.documentation,
      modified_by: row.modifiedBy,
      modified_date: rfc1123(row.modifiedDate),
    })),
  };
}

export function blindCredentialHistory(page: Page<BlindCredentialView>): BlindCredentialHistoryBody {
  return { blind_credentials: page.rows.map(blindCredentialRevision), next_page: page.nextPage };
}

export function blindCredentialRevision(view: BlindCredentialView): BlindCredentialBody {
  return { ...blindCredential(view), id: `${view.credential.id}-${view.credential.revision}` };
}

function mappedBlindCredential({ credential, ciphertext }: BlindCredentialView): MappedBlindCredentialBody {
  return {
    id: credential.id,
    name: credential.name,
    revision: credential.revision,
    enabled: credential.enabled,
    documentation: credential.documentation,
    metadata: credential.metadata,
    credential_keys: [...credential.credentialKeys].sort(),
    credential_pairs: ciphertext?.credentialPairs ?? {},
    data_key: ciphertext?.dataKey ?? {},
    cipher_type: credential.cipherType,
    cipher_version: credential.cipherVersion,
    modified_by: credential.modifiedBy,
    modified_date: iso(credential.modifiedDate),
  };
}

function iso(date: Instant | null): string | null {
  return date === null ? null : toIso(date);
}

function rfc1123(date: Instant | null): string | null {
  return date === null ? null : toRfc1123(date);
}

export function grants({ id, encrypt, decrypt }: GrantsView): GrantsBody {
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

/** The services that map a credential. */
export function mappingServices(services: readonly Service[]): { services: { id: string; enabled: boolean }[] } {
  return { services: services.map(({ id, enabled }) => ({ id, enabled })) };
}
