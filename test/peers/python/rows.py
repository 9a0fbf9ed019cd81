"""Reads every row of the original's tables through the original's own models, and opens every credential."""

import json
import logging
import sys

from confidant import settings
from confidant.models.blind_credential import BlindCredential
from confidant.models.credential import Credential, CredentialArchive
from confidant.models.service import Service

logging.disable(logging.CRITICAL)


def date(value):
    return value.isoformat() if value else None


def credential(row):
    return {
        'name': row.name,
        'revision': row.revision,
        'enabled': row.enabled,
        # The rows of the archive table have no way to open theirs.
        'pairs': row.decrypted_credential_pairs if isinstance(row, Credential) else None,
        'metadata': row.metadata,
        'documentation': row.documentation,
        'tags': list(row.tags or []),
        'modified_by': row.modified_by,
        'modified_date': date(row.modified_date),
        'last_rotation_date': date(row.last_rotation_date),
    }


def blind(row):
    return {
        'name': row.name,
        'revision': row.revision,
        'pairs': row.credential_pairs,
        'keys': sorted(row.credential_keys or []),
        'data_key': row.data_key,
        'metadata': row.metadata,
        'modified_date': date(row.modified_date),
    }


def service(row):
    return {
        'revision': row.revision,
        'enabled': row.enabled,
        'account': row.account,
        'credentials': sorted(row.credentials or []),
        'blind_credentials': sorted(row.blind_credentials or []),
        'modified_date': date(row.modified_date),
    }


def rows(model, kind, shown):
    found = {}
    for data_type in (kind, 'archive-' + kind):
        for row in model.data_type_date_index.query(data_type):
            found[row.id] = {'data_type': data_type, **shown(row)}
    return found


json.dump(
    {
        'credentials': rows(Credential, 'credential', credential),
        'blind': rows(BlindCredential, 'blind-credential', blind),
        'services': rows(Service, 'service', service),
        'archived': rows(CredentialArchive, 'credential', credential) if settings.DYNAMODB_TABLE_ARCHIVE else {},
    },
    sys.stdout,
)
