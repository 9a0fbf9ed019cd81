import { Icon } from '../parts/icon.js';
import { FieldError } from '../parts/says.js';
import type { Draft, MetadataRow } from './draft.js';

interface FieldsProps {
  draft: Draft;
  isNameTaken: boolean;
  onChange: (part: Partial<Draft>) => void;
}

/** Everything of a credential but its pairs. */
export function Fields({ draft, isNameTaken, onChange }: FieldsProps) {
  const others = Object.values(draft.base.metadata).filter((value) => typeof value !== 'string').length;
  const change = (id: number, part: Partial<MetadataRow>): void =>
    onChange({ metadata: draft.metadata.map((row) => (row.id === id ? { ...row, ...part } : row)) });
  return (
    <div className="form">
      <div>
        <label className="label" htmlFor="name">
          Name
        </label>
        <input
          id="name"
          className={isNameTaken || draft.name.trim() === '' ? 'field bad' : 'field'}
          value={draft.name}
          maxLength={1024}
          autoComplete="off"
          data-1p-ignore=""
          data-lpignore="true"
          onChange={(event) => onChange({ name: event.target.value })}
        />
        {isNameTaken && <FieldError>Another credential has this name.</FieldError>}
        {draft.name.trim() === '' && <FieldError>A credential has a name.</FieldError>}
        {draft.name.trim() !== draft.base.name && (
          <span className="hint">Command lines that look for the old name will not find it.</span>
        )}
      </div>
      <div>
        <label className="label" htmlFor="tags">
          Tags
        </label>
        <input
          id="tags"
          className="field"
          value={draft.tags}
          autoComplete="off"
          onChange={(event) => onChange({ tags: event.target.value })}
        />
        <span className="hint">Separated by blanks. Tags may decide when values are due, and who may read them.</span>
      </div>
      <div>
        <label className="label" htmlFor="documentation">
          Documentation
        </label>
        <textarea
          id="documentation"
          className="field prose"
          rows={4}
          value={draft.documentation}
          onChange={(event) => onChange({ documentation: event.target.value })}
        />
      </div>
      <fieldset className="bare">
        <legend className="label">Metadata</legend>
        {draft.metadata.map((row) => (
          <div className="grid2" key={row.id}>
            <input
              className="field mono"
              aria-label="Name of metadata"
              value={row.key}
              autoComplete="off"
              onChange={(event) => change(row.id, { key: event.target.value })}
            />
            <input
              className="field mono"
              aria-label={`Metadata ${row.key}`}
              value={row.value}
              autoComplete="off"
              onChange={(event) => change(row.id, { value: event.target.value })}
            />
            <button
              className="btn plain"
              type="button"
              aria-label={`Remove metadata ${row.key}`}
              onClick={() => onChange({ metadata: draft.metadata.filter(({ id }) => id !== row.id) })}
            >
              <Icon name="trash" />
            </button>
          </div>
        ))}
        <p>
          <button
            className="btn plain hang"
            type="button"
            onClick={() =>
              onChange({
                metadata: [...draft.metadata, { id: draft.nextId, key: '', value: '' }],
                nextId: draft.nextId + 1,
              })
            }
          >
            <Icon name="plus" />
            Add metadata
          </button>
        </p>
        {others > 0 && <span className="hint">Entries that are not text stay as they are.</span>}
      </fieldset>
      <div>
        <label>
          <input
            type="checkbox"
            checked={draft.enabled}
            onChange={(event) => onChange({ enabled: event.target.checked })}
          />{' '}
          Enabled
        </label>
        <span className="hint">
          A mark for people: services get the values either way. To cut one off, take the credential out of it.
        </span>
      </div>
    </div>
  );
}
