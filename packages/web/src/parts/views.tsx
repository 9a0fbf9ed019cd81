import { Link } from '@tanstack/react-router';

interface ViewsProps {
  kind: 'credentials' | 'blind_credentials' | 'services';
  id: string;
  here: 'now' | 'history';
}

const ADDRESSES = {
  credentials: { now: '/credentials/$id', history: '/credentials/$id/history', name: 'Values' },
  blind_credentials: { now: '/blind/$id', history: '/blind/$id/history', name: 'Values' },
  services: { now: '/services/$id', history: '/services/$id/history', name: 'What it gets' },
} as const;

/** The two views of one thing: what it is now, and its history. */
export function Views({ kind, id, here }: ViewsProps) {
  const { now, history, name } = ADDRESSES[kind];
  // The router marks a link as current below its address too; only one view is the current one.
  const mark = (view: ViewsProps['here']) => ({
    activeOptions: { exact: true },
    ...(view === here && { 'aria-current': 'page' as const }),
  });
  return (
    <nav className="tabs" aria-label="Views">
      <Link to={now} params={{ id }} {...mark('now')}>
        {name}
      </Link>
      <Link to={history} params={{ id }} {...mark('history')}>
        History
      </Link>
    </nav>
  );
}
