import { useState } from 'react';
import { Icon } from '../parts/icon.js';
import { Bar, Plain } from '../parts/marks.js';
import { count } from '../parts/when.js';
import { describeText } from '../values/text.js';
import { type PastedPairs, readPasted } from './dotenv.js';
import { asShown, pasteInto, withEdit } from './typed-text.js';

interface PasteProps {
  /** Keys that are there already. */
  keys: readonly string[];
  text: string;
  onUse: (pairs: PastedPairs['pairs'], replaceAll: boolean) => void;
  onClose: () => void;
}

/** Many pairs from one text, with what will happen to each key before anything does. */
export function Paste({ keys, text: pasted, onUse, onClose }: PasteProps) {
  const [text, setText] = useState(pasted);
  const [replaceAll, setReplaceAll] = useState(false);
  const { format, pairs, faults } = readPasted(text);
  const others = keys.filter((key) => !pairs.has(key));
  return (
    <aside className="paste" aria-label="Paste many">
      <div className="sub">
        <h2>Paste many</h2>
        {text.trim() !== '' && <span className="quiet">read as {format}</span>}
        <span className="right">
          <button className="btn plain" type="button" aria-label="Close" onClick={onClose}>
            <Icon name="cross" />
          </button>
        </span>
      </div>
      <textarea
        className="field"
        aria-label="Text with keys and values"
        autoFocus
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        data-1p-ignore=""
        data-lpignore="true"
        placeholder={'DB_HOST=orders-db.internal\nDB_PASSWORD="…"'}
        value={asShown(text)}
        onChange={(event) => setText(withEdit(text, event.target.value))}
        onPaste={(event) => pasteInto(event, text, setText)}
      />
      {keys.length > 0 && (
        <div className="choice">
          <label>
            <input type="radio" name="others" checked={!replaceAll} onChange={() => setReplaceAll(false)} /> Leave other
            keys alone
          </label>
          <label>
            <input type="radio" name="others" checked={replaceAll} onChange={() => setReplaceAll(true)} /> Remove other
            keys
          </label>
        </div>
      )}
      {(pairs.size > 0 || faults.length > 0) && (
        <>
          <div className="sub">
            <h2>What will happen</h2>
          </div>
          <table className="will" translate="no">
            <tbody>
              {[...pairs].map(([key, { value, type }]) => (
                <tr key={key}>
                  <td className={keys.includes(key) ? 'state changed' : 'state added'}>
                    {keys.includes(key) ? 'change' : 'add'}
                  </td>
                  <td className="k">
                    <Plain text={key} />
                  </td>
                  <td>
                    <Bar />{' '}
                    <span className="quiet">
                      {type !== 'text' ? type : value === '' ? 'empty text' : describeText(value)}
                    </span>
                  </td>
                </tr>
              ))}
              {others.length > 0 && (
                <tr>
                  <td className={replaceAll ? 'state removed' : 'quiet'}>{replaceAll ? 'remove' : 'left alone'}</td>
                  <td className="k quiet">
                    <Plain text={others.join(', ')} />
                  </td>
                  <td />
                </tr>
              )}
              {faults.map(({ line, problem }) => (
                <tr key={`${line} ${problem}`}>
                  <td className="state removed">not read</td>
                  <td className="k">line {line}</td>
                  <td className="bad-text">
                    <Plain text={problem} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      <div className="foot">
        <span className="right">
          <button className="btn" type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            className="btn ink"
            type="button"
            disabled={pairs.size === 0 || faults.length > 0}
            onClick={() => onUse(pairs, replaceAll)}
          >
            Use {pairs.size === 0 ? 'these' : `these ${count(pairs.size, 'key')}`}
          </button>
        </span>
      </div>
      <p className="note">
        Keys are stored in lower case. Nothing is saved yet; the text above is forgotten when this closes.
        {faults.length > 0 && ' Mend or remove the lines that were not read first.'}
      </p>
    </aside>
  );
}
