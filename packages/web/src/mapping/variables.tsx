import { Link } from '@tanstack/react-router';
import { Plain } from '../parts/marks.js';
import type { Draft, Mapped } from './draft.js';

/** What `confidant run` puts before a key if no other prefix is asked for. */
const PREFIX = 'CREDENTIALS_';

interface VariablesProps {
  rows: readonly Mapped[];
  stored: readonly Mapped[];
  draft: Draft;
}

/** The variables that `confidant run` sets for a service, by name, and the credential that each comes from. */
export function Variables({ rows, stored, draft }: VariablesProps) {
  const variables = rows
    .flatMap((row) => row.keys.map((key) => ({ name: (PREFIX + key).toUpperCase(), key, row })))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return (
    <table className="gets">
      <thead>
        <tr>
          <th className="c-name">Variable</th>
          <th>Comes from</th>
          <th className="c-act">
            <span className="sr">State</span>
          </th>
        </tr>
      </thead>
      <tbody translate="no">
        {variables.map(({ name, key, row }) => {
          const isAdded = !stored.some((one) => one.id === row.id);
          const state = draft.removed.has(row.id) ? 'removed' : isAdded ? 'added' : undefined;
          return (
            <tr key={`${row.id} ${key}`} className={state ?? ''}>
              <td className="c-name mono">
                {state === 'removed' ? (
                  <span className="struck">
                    <Plain text={name} />
                  </span>
                ) : (
                  <Plain text={name} />
                )}
              </td>
              <td>
                <Link to={row.kind === 'credentials' ? '/credentials/$id' : '/blind/$id'} params={{ id: row.id }}>
                  <Plain text={row.name} />
                </Link>
              </td>
              <td className="c-act">{state !== undefined && <span className={`state ${state}`}>{state}</span>}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
