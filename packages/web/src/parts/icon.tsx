import sprite from '../icons.svg?no-inline';

export type IconName =
  | 'search'
  | 'plus'
  | 'eye'
  | 'hide'
  | 'copy'
  | 'more'
  | 'down'
  | 'up'
  | 'right'
  | 'left'
  | 'cross'
  | 'check'
  | 'warn'
  | 'undo'
  | 'trash'
  | 'dice'
  | 'paste'
  | 'menu'
  | 'bars'
  | 'service'
  | 'clock'
  | 'turn'
  | 'enter'
  | 'doc'
  | 'off'
  | 'open';

/** A drawing beside words; it has no name of its own. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="i" aria-hidden="true">
      <use href={`${sprite}#${name}`} />
    </svg>
  );
}
