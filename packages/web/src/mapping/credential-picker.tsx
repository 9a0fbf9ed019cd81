import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { blindListQuery, configQuery, credentialQuery, credentialsQuery } from '../api/queries.js';
import { Plain } from '../parts/marks.js';
import { type Choice, Picker } from '../parts/picker.js';
import { FieldError } from '../parts/says.js';
import type { Mapped } from './draft.js';

interface CredentialPickerProps {
  rows: readonly Mapped[];
  onChoose: (mapped: Mapped) => void;
  onClose: () => void;
}

/** Finds a credential for a service, and says which of its keys would collide. */
export function CredentialPicker({ rows, onChoose, onClose }: CredentialPickerProps) {
  const { data: config } = useQuery(configQuery);
  const list = useInfiniteQuery(credentialsQuery);
  const mayListBlind = config?.generated.permissions.blind_credentials.list === true;
  const blind = useQuery({ ...blindListQuery, enabled: mayListBlind });
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const has = new Set(rows.map((row) => row.id));
  const all: (Mapped & Choice)[] = [
    ...(list.data?.pages.flatMap((page) => page.credentials) ?? []).map((each) => ({
      kind: 'credentials' as const,
      id: each.id,
      name: each.name,
      keys: each.credential_keys,
      enabled: each.enabled,
      text: [each.name, ...each.tags.map((tag) => `#${tag}`), each.documentation ?? ''].join('\n').toLowerCase(),
      ...(has.has(each.id)
        ? { note: 'already mapped', isOff: true }
        : each.tags[0] !== undefined && { note: `#${each.tags[0]}` }),
    })),
    ...(blind.data ?? []).map((each) => ({
      kind: 'blind_credentials' as const,
      id: each.id,
      name: each.name,
      keys: [],
      enabled: each.enabled,
      text: [each.name, each.documentation ?? '', 'blind'].join('\n').toLowerCase(),
      ...(has.has(each.id) ? { note: 'already mapped', isOff: true } : { note: 'blind' }),
    })),
  ];
  const byId = new Map(all.map((each) => [each.id, each]));
  return (
    <Picker
      label="Add a credential"
      choices={all}
      isReading={list.isPending || hasNextPage}
      about={({ id }) => <About mapped={byId.get(id)!} rows={rows} />}
      onChoose={({ id }) => onChoose(byId.get(id)!)}
      onClose={onClose}
    />
  );
}

/** The keys of the credential under the cursor, and whether the service gets them from another already. */
function About({ mapped, rows }: { mapped: Mapped; rows: readonly Mapped[] }) {
  const { data } = useQuery({ ...credentialQuery(mapped.id), enabled: mapped.kind === 'credentials' });
  const keys = data?.credential_keys ?? mapped.keys;
  const others = rows.filter((row) => row.id !== mapped.id);
  const clashes = keys.filter((key) => others.some((row) => row.keys.includes(key)));
  const from = others.find((row) => row.keys.includes(clashes[0] ?? ''));
  return (
    <>
      <h3>
        <Plain text={mapped.name} />
      </h3>
      <p className="keys" translate="no">
        {keys.map((key) => (
          <span key={key} className={clashes.includes(key) ? 'clash' : ''}>
            <Plain text={key} />
          </span>
        ))}
      </p>
      {clashes.length > 0 && (
        <FieldError>
          <code>{clashes[0]}</code> comes from {from?.name} already. Take that one out first, or rename the key.
        </FieldError>
      )}
    </>
  );
}
