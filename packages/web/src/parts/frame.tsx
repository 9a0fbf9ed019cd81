import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';
import { configQuery, personQuery } from '../api/queries.js';
import { useLoggedOut, useSessionEnded } from '../session.js';
import { Icon } from './icon.js';
import { Says } from './says.js';
import { useTitle } from './title.js';
import { ToastLine } from './toast.js';

const PLACES = [
  { to: '/credentials', name: 'Credentials', icon: 'bars' },
  { to: '/services', name: 'Services', icon: 'service' },
  { to: '/rotation', name: 'Rotation', icon: 'turn' },
] as const;

/** The whole page, or nothing of it after a logout. */
export function Frame() {
  return useLoggedOut() ? <LoggedOut /> : <Places />;
}

function LoggedOut() {
  const queries = useQueryClient();
  useTitle('Logged out');
  useEffect(() => queries.clear(), [queries]);
  return (
    <main className="page">
      <h1 className="title">You have logged out</h1>
      <Says
        title="Nothing is shown here any more"
        actions={
          <a className="btn ink" href="/loggedout">
            Log in
          </a>
        }
      />
    </main>
  );
}

/** The bar at the top, the places, bands that concern every page, and the page. */
function Places() {
  const path = useLocation({ select: (location) => location.pathname });
  const { data: config } = useQuery(configQuery);
  const isHere = (to: string): boolean => path === to || path.startsWith(`${to}/`);
  const links = PLACES.map(({ to, name, icon }) => ({
    name,
    link: (withIcon: boolean) => (
      <Link key={to} to={to} {...(isHere(to) && { 'aria-current': 'page' as const })}>
        {withIcon && <Icon name={icon} />}
        {name}
      </Link>
    ),
  }));
  return (
    <>
      <header className="top">
        <Link className="mark" to="/credentials" aria-label="Confidant, to the credentials">
          <svg viewBox="0 0 26 14" aria-hidden="true">
            <path
              fill="currentColor"
              fillRule="evenodd"
              d="M0 .4 26 0l-.2 13.6L.2 14zM13 3.2a2.1 2.1 0 0 0-1.1 3.9l-.7 3.7h3.6l-.7-3.7A2.1 2.1 0 0 0 13 3.2z"
            />
          </svg>
          <span>Confidant</span>
        </Link>
        <b className="here only-phone">{PLACES.find(({ to }) => isHere(to))?.name}</b>
        <nav className="places" aria-label="Places">
          {links.map(({ link }) => link(false))}
        </nav>
        <div className="top-end push">
          {config?.generated.permissions.credentials.create === true && (
            <Link className="btn" to="/credentials/new">
              <Icon name="plus" />
              New
            </Link>
          )}
          <Who />
        </div>
      </header>
      {config?.generated.maintenance_mode === true && (
        <div className="bands">
          <div className="band" role="status">
            <span>
              <b className="strong">Maintenance.</b> Everything can be read, nothing saved.
            </span>
          </div>
        </div>
      )}
      <SessionBand />
      <Outlet />
      <nav className="places-bottom three-places" aria-label="Places">
        {links.map(({ link }) => link(true))}
      </nav>
      <ToastLine />
    </>
  );
}

function SessionBand() {
  const ended = useSessionEnded();
  if (!ended) return null;
  // What is being written stays in this window: the login is in another one, which says when it is done.
  const isWriting = /^\/credentials\/(?:new|[^/]+\/edit)$/.test(location.pathname);
  const next = isWriting ? '/login/done' : `${location.pathname}${location.search}`;
  return (
    <div className="bands">
      <div className="band info" role="alert">
        <span>
          <b className="strong">Your session has ended.</b>{' '}
          {isWriting ? 'Nothing here is lost.' : 'Log in again to go on.'}
        </span>
        <span className="right">
          <a
            className="btn ink"
            href={`/v1/login?next=${encodeURIComponent(next)}`}
            {...(isWriting && { target: '_blank', rel: 'noopener' })}
          >
            Log in again
          </a>
        </span>
      </div>
    </div>
  );
}

/** Who is logged in; leads to the page of the account, where one logs out. */
function Who() {
  const { data: person } = useQuery(personQuery);
  const letters = (person?.email ?? '')
    .replace(/@.*$/, '')
    .split(/[._-]+/)
    .map((part) => part.charAt(0))
    .join('');
  return (
    <a className="who" href="/account" aria-label={person === undefined ? 'Account' : `${person.email}, account`}>
      {letters.slice(0, 2).toUpperCase()}
    </a>
  );
}
