import { count } from '../parts/when.js';
import type { Weeks } from './weeks.js';

const WIDTH = 1384;
const BASE = 88;
const MOST_HEIGHT = 70;
const GAP = 6;

/** How many credentials are due in each week, as bars. */
export function Strip({ late, weeks }: Weeks) {
  const bars = [{ due: late, start: undefined as number | undefined }, ...weeks];
  const most = Math.max(1, ...bars.map(({ due }) => due));
  const step = WIDTH / bars.length;
  const soon = weeks.slice(0, 5).reduce((sum, { due }) => sum + due, 0);
  const label = `Due by week: ${late} late, ${weeks[0]!.due} this week, ${soon} within five weeks, ${count(
    weeks.reduce((sum, { due }) => sum + due, 0),
    'credential',
  )} within half a year`;
  return (
    <svg className="strip" viewBox={`0 0 ${WIDTH} 112`} preserveAspectRatio="none" role="img" aria-label={label}>
      {bars.map(({ due, start }, at) => {
        const height = (due / most) * MOST_HEIGHT;
        const x = at * step + GAP / 2;
        return (
          <g key={start ?? 'late'}>
            <rect
              className={at === 0 ? 'late' : at < 6 ? 'soon' : ''}
              x={x}
              y={BASE - height}
              width={step - GAP}
              height={height}
            />
            {due > 0 && (
              <text className="n" x={x + (step - GAP) / 2} y={BASE - height - 6}>
                {due}
              </text>
            )}
            {at < 2 ? (
              <text x={x} y="106">
                {at === 0 ? 'late' : 'this week'}
              </text>
            ) : (
              at % 4 === 1 && (
                <text x={x} y="106">
                  {new Date(start!).toISOString().slice(5, 10)}
                </text>
              )
            )}
          </g>
        );
      })}
      <line x1="0" x2={WIDTH} y1={BASE} y2={BASE} />
    </svg>
  );
}
