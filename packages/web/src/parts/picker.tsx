import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Icon } from './icon.js';
import { Plain } from './marks.js';

export interface Choice {
  id: string;
  name: string;
  /** What stands at the right: a tag, or why it cannot be chosen. */
  note?: string;
  isOff?: boolean;
  /** What words are looked for in, lower case. */
  text: string;
}

const MOST_SHOWN = 50;

interface PickerProps {
  label: string;
  choices: readonly Choice[];
  /** Something that does not exist yet and can be chosen by these words, which are not lower-cased. */
  offer?: (words: string) => Choice | undefined;
  /** What is said about the choice under the cursor. */
  about?: (choice: Choice) => ReactNode;
  onChoose: (choice: Choice) => void;
  onClose: () => void;
  /** Shown while the choices are still read. */
  isReading?: boolean;
}

/** Finds one of many by a few letters: arrows move, Enter chooses, Escape closes. */
export function Picker({ label, choices, offer, about, onChoose, onClose, isReading = false }: PickerProps) {
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  // Enter was pressed before anything that matches was read: the first match is chosen when it comes.
  const [isAwaited, setAwaited] = useState(false);
  const list = useId();
  const root = useRef<HTMLDivElement>(null);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const all = choices.filter(({ text }) => wanted.every((word) => text.includes(word)));
  // What can be chosen comes first, so that Enter adds something.
  const found = [...all.filter(({ isOff }) => isOff !== true), ...all.filter(({ isOff }) => isOff === true)].slice(
    0,
    MOST_SHOWN,
  );
  // The list must be whole before something new is offered: it could be in the rest.
  const offered = isReading ? undefined : offer?.(words.trim());
  if (offered !== undefined) found.push(offered);
  const current = found[Math.min(at, found.length - 1)];

  useEffect(() => {
    const onPress = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) onClose();
    };
    document.addEventListener('pointerdown', onPress);
    return () => document.removeEventListener('pointerdown', onPress);
  }, [onClose]);
  useEffect(() => {
    if (!isAwaited || (current === undefined && isReading)) return;
    setAwaited(false);
    if (current !== undefined && current.isOff !== true) onChoose(current);
  }, [isAwaited, current, isReading, onChoose]);
  useEffect(() => {
    if (current !== undefined) document.getElementById(`${list}-${current.id}`)?.scrollIntoView({ block: 'nearest' });
  }, [current, list]);

  return (
    <div className="pop picker under" role="dialog" aria-label={label} ref={root}>
      <div className="ask">
        <Icon name="search" />
        <input
          autoFocus
          role="combobox"
          aria-label={label}
          aria-expanded="true"
          aria-controls={list}
          aria-autocomplete="list"
          {...(current !== undefined && { 'aria-activedescendant': `${list}-${current.id}` })}
          autoComplete="off"
          spellCheck={false}
          data-1p-ignore=""
          data-lpignore="true"
          value={words}
          onChange={(event) => {
            setWords(event.target.value);
            setAt(0);
            setAwaited(false);
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
            else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
            else if (event.key === 'Enter') {
              // Never the form that the picker stands in.
              setAwaited(true);
            } else if (event.key === 'Escape') onClose();
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
        />
      </div>
      <div className="opts" role="listbox" id={list} aria-label={label}>
        {found.map((choice) => (
          <div
            key={choice.id}
            id={`${list}-${choice.id}`}
            className={choice === current ? 'opt on' : 'opt'}
            role="option"
            aria-selected={choice === current}
            aria-disabled={choice.isOff === true}
            onPointerMove={() => setAt(found.indexOf(choice))}
            onClick={() => {
              if (choice.isOff !== true) onChoose(choice);
            }}
          >
            <span className="grow">
              <Plain text={choice.name} />
            </span>
            {choice.note !== undefined && (
              <span className={choice.isOff === true ? 'right' : 'right soft'}>{choice.note}</span>
            )}
          </div>
        ))}
        {found.length === 0 && <p className="note">{isReading ? 'Still reading…' : 'Nothing matches.'}</p>}
        {all.length > MOST_SHOWN && <p className="note">{all.length - MOST_SHOWN} more: type a few letters.</p>}
      </div>
      {about !== undefined && <div className="about">{current !== undefined && about(current)}</div>}
      <div className="foot">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> choose
        </span>
        <span>
          <kbd>Enter</kbd> add
        </span>
        <span>
          <kbd>Esc</kbd> close
        </span>
      </div>
    </div>
  );
}
