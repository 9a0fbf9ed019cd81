import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, redirect } from '@tanstack/react-router';
import { BlindPage } from './pages/blind.js';
import { CredentialPage } from './pages/credential.js';
import { CredentialsPage } from './pages/credentials.js';
import { NewCredentialPage } from './pages/new-credential.js';
import { ServicePage } from './pages/service.js';
import { ServicesPage } from './pages/services.js';
import { Frame } from './parts/frame.js';
import { Says } from './parts/says.js';
import { useTitle } from './parts/title.js';

const root = createRootRoute({ component: Frame, notFoundComponent: NothingHere });

/** Only the words of an address that a page knows; everything is text. */
const texts =
  <const Name extends string>(...names: readonly Name[]) =>
  (search: Record<string, unknown>): Partial<Record<Name, string>> => {
    const known: Partial<Record<Name, string>> = {};
    for (const name of names) if (typeof search[name] === 'string' && search[name] !== '') known[name] = search[name];
    return known;
  };

const routes = [
  createRoute({
    getParentRoute: () => root,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/credentials', replace: true });
    },
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/credentials',
    validateSearch: texts('q', 'sort'),
    component: CredentialsPage,
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/credentials/new',
    component: NewCredentialPage,
  }),
  createRoute({ getParentRoute: () => root, path: '/credentials/$id', component: CredentialPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/credentials/$id/edit',
    component: lazyRouteComponent(() => import('./editing/edit-page.js'), 'EditPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/credentials/$id/history',
    validateSearch: texts('from', 'to', 'back'),
    component: lazyRouteComponent(() => import('./history/history-page.js'), 'CredentialHistoryPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/blind/$id/history',
    validateSearch: texts('from', 'to', 'back'),
    component: lazyRouteComponent(() => import('./history/history-page.js'), 'BlindHistoryPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/services/$id/history',
    validateSearch: texts('from', 'to', 'back'),
    component: lazyRouteComponent(() => import('./history/history-page.js'), 'ServiceHistoryPage'),
  }),
  createRoute({ getParentRoute: () => root, path: '/blind/$id', component: BlindPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/rotation',
    validateSearch: texts('q'),
    component: lazyRouteComponent(() => import('./rotation/rotation-page.js'), 'RotationPage'),
  }),
  createRoute({ getParentRoute: () => root, path: '/services', validateSearch: texts('q'), component: ServicesPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/services/$id',
    validateSearch: texts('view'),
    component: ServicePage,
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  // Plain texts in the address, as a person would write them.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(
      Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ).toString();
    return text === '' ? '' : `?${text}`;
  },
  defaultPreload: false,
  scrollRestoration: true,
  defaultErrorComponent: Broken,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function NothingHere() {
  useTitle('Nothing here');
  return (
    <main className="page">
      <h1 className="title">There is nothing here</h1>
      <Says
        title="This address leads nowhere"
        actions={
          <Link className="btn ink" to="/credentials">
            To the credentials
          </Link>
        }
      />
    </main>
  );
}

/** A fault of this page. Its message could hold anything, so it is not shown. */
function Broken() {
  return (
    <main className="page">
      <h1 className="title">This page failed</h1>
      <Says
        title="Nothing was changed"
        actions={
          <button className="btn ink" type="button" onClick={() => location.reload()}>
            Load it again
          </button>
        }
      />
    </main>
  );
}
