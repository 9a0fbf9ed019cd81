import { Link } from '@tanstack/react-router';
import { Icon } from '../parts/icon.js';
import { Plain } from '../parts/marks.js';
import { type Draft, type Mapped, remove, undo } from './draft.js';

interface GetsProps {
  rows: readonly Mapped[];
  stored: readonly Mapped[];
  draft: Draft;
  mayUpdate: boolean;
  setDraft: (draft: Draft) => void;
}

/** What a service gets, and what a draft adds and removes. */
export function Gets({ rows, stored, draft, mayUpdate, setDraft }: GetsProps) {
  return (
    <table className="gets">
      <thead>
        <tr>
          <th className="c-name">Credential</th>
          <th>Keys</th>
          <th className="c-act">
            <span className="sr">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const isRemoved = draft.removed.has(row.id);
          const isAdded = !stored.some((one) => one.id === row.id);
          const state = isRemoved ? 'removed' : isAdded ? 'added' : undefined;
          return (
            <tr key={row.id} className={state ?? ''}>
              <td className="c-name">
                <div className="name">
                  {isRemoved ? (
                    <span className="struck">
                      <Plain text={row.name} />
                    </span>
                  ) : (
                    <Link to={row.kind === 'credentials' ? '/credentials/$id' : '/blind/$id'} params={{ id: row.id }}>
                      <Plain text={row.name} />
                    </Link>
                  )}
                  {row.kind === 'blind_credentials' && (
                    <span className="aside">
                      <span className="seal small" aria-hidden="true" /> blind
                    </span>
                  )}
                  {!row.enabled && <span className="aside"> disabled</span>}
                </div>
              </td>
              <td>
                <span className="keys" translate="no">
                  {row.keys.map((key) => (
                    <span key={key}>
                      <Plain text={key} />
                    </span>
                  ))}
                </span>
              </td>
              <td className="c-act">
                {state !== undefined && <span className={`state ${state}`}>{state}</span>}
                {mayUpdate && (
                  <button
                    className="btn plain"
                    type="button"
                    aria-label={state === undefined ? `Remove ${row.name}` : `Undo: ${row.name} ${state}`}
                    onClick={() => setDraft(state === undefined ? remove(draft, row.id) : undo(draft, row.id))}
                  >
                    {state === undefined ? 'Remove' : <Icon name="undo" />}
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
