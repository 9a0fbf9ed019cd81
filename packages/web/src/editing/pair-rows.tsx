import { Icon } from '../parts/icon.js';
import { Bar, Plain } from '../parts/marks.js';
import { FieldError } from '../parts/says.js';
import { generateValue } from '../values/generate.js';
import { describeText } from '../values/text.js';
import { type Draft, faultOf, type PairRow, stateOf, TYPES, type ValueType } from './draft.js';
import { asShown, pasteInto, withEdit } from './typed-text.js';

interface PairRowsProps {
  draft: Draft;
  /** Why a key cannot be taken by services that get this credential. */
  collisions: ReadonlyMap<string, string>;
  onChange: (id: number, part: Partial<PairRow>) => void;
  onDrop: (id: number) => void;
  /** Several lines were pasted where one value or key was expected. */
  onPasteMany: (text: string) => void;
}

/** The keys of a credential while they are edited. Stored values are never read; a new one replaces the old. */
export function PairRows({ draft, collisions, onChange, onDrop, onPasteMany }: PairRowsProps) {
  return (
    <div className="pairs" translate="no">
      {draft.pairs.map((row) => (
        <Row
          key={row.id}
          row={row}
          fault={faultOf(row, draft) ?? (stateOf(row) === 'added' ? collisions.get(row.key) : undefined)}
          onChange={(part) => onChange(row.id, part)}
          onDrop={() => onDrop(row.id)}
          onPasteMany={onPasteMany}
        />
      ))}
    </div>
  );
}

interface RowProps {
  row: PairRow;
  fault: string | undefined;
  onChange: (part: Partial<PairRow>) => void;
  onDrop: () => void;
  onPasteMany: (text: string) => void;
}

function Row({ row, fault, onChange, onDrop, onPasteMany }: RowProps) {
  const state = stateOf(row);
  const { key, value } = row;
  const errorId = `fault-${row.id}`;
  const named = key === '' ? 'this key' : key;
  const undo = (): void => {
    if (row.isStored) onChange({ value: undefined, type: 'text', isRemoved: false, isGone: false });
    else onDrop();
  };
  return (
    <div className={`pair ${fault !== undefined ? 'wrong' : state === 'unchanged' ? '' : state}`}>
      {row.isStored ? (
        <div className="key">
          {state === 'removed' ? (
            <span className="struck">
              <Plain text={key} />
            </span>
          ) : (
            <Plain text={key} />
          )}
        </div>
      ) : (
        <input
          className={fault === undefined ? 'field key-field' : 'field key-field bad'}
          aria-label="Key"
          value={key}
          autoFocus={key === ''}
          placeholder="db_password"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          data-1p-ignore=""
          data-lpignore="true"
          // Shown as it will be stored.
          onChange={(event) => onChange({ key: event.target.value.toLowerCase() })}
          onPaste={(event) => {
            const text = event.clipboardData.getData('text/plain');
            if (!/[\n=]/.test(text)) return;
            event.preventDefault();
            onPasteMany(text);
          }}
          {...(fault !== undefined && { 'aria-describedby': errorId, 'aria-invalid': true })}
        />
      )}
      <div className="val">
        {state === 'removed' ? (
          <span className="bar none" aria-hidden="true" />
        ) : state === 'unchanged' ? (
          <Bar />
        ) : (
          <Value row={row} fault={fault} errorId={errorId} onChange={onChange} />
        )}
        {fault !== undefined && <FieldError id={errorId}>{fault}</FieldError>}
        {value !== undefined && value.includes('\r') && <p className="note">{describeText(value)}, kept as they are</p>}
      </div>
      <div className="acts">
        {state !== 'unchanged' && <span className={`state ${state}`}>{state}</span>}
        {state === 'unchanged' && (
          <button
            className="btn plain"
            type="button"
            aria-label={`Change ${key}`}
            onClick={() => onChange({ value: '' })}
          >
            Change
          </button>
        )}
        {(state === 'changed' || state === 'added') && (
          <button
            className="btn plain"
            type="button"
            aria-label={`Generate a value for ${named}`}
            title="Generate (Ctrl .)"
            onClick={() => onChange({ value: generateValue(), type: 'text' })}
          >
            <Icon name="dice" />
          </button>
        )}
        {state === 'unchanged' ? (
          <button
            className="btn plain"
            type="button"
            aria-label={`Remove ${key}`}
            onClick={() => onChange({ isRemoved: true })}
          >
            <Icon name="trash" />
          </button>
        ) : (
          <button className="btn plain" type="button" aria-label={`Undo: ${named} ${state}`} onClick={undo}>
            <Icon name="undo" />
          </button>
        )}
      </div>
    </div>
  );
}

function Value({ row, fault, errorId, onChange }: Pick<RowProps, 'row' | 'fault' | 'onChange'> & { errorId: string }) {
  const label = row.key === '' ? 'Value' : `Value of ${row.key}`;
  const text = row.value ?? '';
  return (
    <div className="typed">
      {row.type === 'null' ? (
        <span className="type">null</span>
      ) : (
        <textarea
          className="field"
          rows={Math.min(12, (row.value ?? '').split('\n').length)}
          aria-label={label}
          // The value was asked for by a press on this row.
          autoFocus={row.isStored}
          value={asShown(text)}
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          data-1p-ignore=""
          data-lpignore="true"
          onChange={(event) => onChange({ value: withEdit(text, event.target.value) })}
          onPaste={(event) => pasteInto(event, text, (value) => onChange({ value }))}
          onKeyDown={(event) => {
            if (event.key !== '.' || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            onChange({ value: generateValue(), type: 'text' });
          }}
          {...(fault !== undefined && { 'aria-describedby': errorId, 'aria-invalid': true })}
        />
      )}
      <select
        className="field kind"
        aria-label={`Type of ${row.key === '' ? 'the value' : row.key}`}
        value={row.type}
        onChange={(event) => onChange({ type: event.target.value as ValueType })}
      >
        {TYPES.map((type) => (
          <option key={type}>{type}</option>
        ))}
      </select>
    </div>
  );
}
