// Enforces the import law: which folder may import what. ARCHITECTURE.md gives the reasons.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const SERVER = 'packages/server/src';

/** A room of the adapters: it may import itself, the domain, the ports, and no room that is not named here. */
const room = (own, { rooms = [], shared = [], packages }) => ({
  [`${SERVER}/adapters/${own}`]: {
    local: [
      ...[own, ...rooms].map((name) => `${SERVER}/adapters/${name}`),
      ...['domain', 'ports', ...shared].map((name) => `${SERVER}/${name}`),
    ],
    packages,
  },
});

/** The web application's folders: what each imports beside itself, its files of styles and drawings, and its libraries. */
const inWeb = (folders) =>
  Object.fromEntries(
    Object.entries(folders).map(([folder, others]) => [
      `packages/web/src/${folder}`,
      {
        local: [folder, 'sheet.css', 'icons.svg?no-inline', ...others].map((name) => `packages/web/src/${name}`),
        packages: ['react', 'react-dom', '@tanstack/', '@confidant/contract'],
      },
    ]),
  );

/** The local folders and the packages that files below a path may import. The longest matching path counts. */
const LAW = {
  ...inWeb({
    'session.ts': [],
    api: ['session.ts'],
    list: ['parts/when.tsx'],
    values: ['api', 'parts/toast.tsx'],
    parts: ['api', 'session.ts', 'values'],
    mapping: ['api', 'parts'],
    pages: ['api', 'list', 'mapping', 'parts', 'values'],
    'router.tsx': ['pages', 'parts'],
    'main.tsx': ['api', 'router.tsx'],
  }),
  'packages/contract/src': { local: ['packages/contract/src'], packages: ['zod'] },
  'packages/kmsauth/src': { local: ['packages/kmsauth/src'], packages: ['node:', 'lru-cache'] },
  'packages/kmsauth/src/aws.ts': {
    local: ['packages/kmsauth/src'],
    packages: ['node:', '@aws-sdk/client-kms', '@smithy/'],
  },
  'packages/client/src/index.ts': { local: ['packages/client/src/sdk'], packages: ['@confidant/kmsauth'] },
  ...inClient({
    text: { local: [], packages: ['@confidant/contract', 'yaml'] },
    sdk: {
      local: ['text'],
      packages: ['@confidant/', 'node:', '@aws-sdk/', '@smithy/', 'yaml'],
    },
    'cli/arguments': {
      local: ['text', 'sdk/config/limits.ts'],
      packages: ['@confidant/contract', 'node:', 'commander'],
    },
    'cli/terminal': { local: ['cli/arguments'], packages: ['node:'] },
    'cli/login': { local: ['sdk'], packages: ['@confidant/', 'node:'] },
    'cli/failures': { local: ['text', 'sdk', 'cli/arguments', 'cli/local-environment.ts'], packages: ['@confidant/'] },
    'cli/failures/advise-unauthorized.ts': {
      local: ['sdk', 'cli/context.ts', 'cli/login'],
      packages: [],
    },
    'cli/process': { local: ['text', 'cli/terminal', 'cli/failures'], packages: ['@confidant/contract', 'node:'] },
    'cli/configuration': {
      local: [
        'sdk',
        'cli/arguments',
        'cli/terminal',
        'cli/login',
        'cli/profile.ts',
        'cli/load-debug.ts',
        'cli/local-environment.ts',
      ],
      packages: [],
    },
    'cli/changes': {
      local: ['text', 'sdk', 'cli/arguments', 'cli/terminal', 'cli/failures'],
      packages: ['@confidant/contract', 'node:'],
    },
    'cli/output': { local: ['text', 'cli/arguments', 'cli/terminal'], packages: ['@confidant/'] },
    'cli/environment': {
      local: [
        'text',
        'cli/arguments',
        'cli/process',
        'cli/output',
        'cli/context.ts',
        'cli/decrypt-service.ts',
        'cli/offline-copy.ts',
      ],
      packages: ['@confidant/contract'],
    },
    'cli/commands/specs': { local: ['cli/arguments/command-spec.ts'], packages: [] },
    'cli/commands/table.ts': { local: ['cli/commands/specs', 'cli/arguments/command-spec.ts'], packages: [] },
    'cli/commands': {
      local: [
        'text',
        'sdk',
        ...['arguments', 'terminal', 'login', 'process', 'failures', 'changes', 'output', 'environment'].map(
          (folder) => `cli/${folder}`,
        ),
        ...['context', 'decrypt-service', 'load-debug', 'offline-copy'].map((name) => `cli/${name}.ts`),
        'cli/commands/handler.ts',
        'cli/commands/table.ts',
      ],
      packages: ['@confidant/', 'node:', 're2js'],
    },
    // What the folders of the command line share, and what puts them together.
    cli: {
      local: [
        'sdk',
        ...['arguments', 'terminal', 'login', 'failures', 'output', 'configuration'].map((folder) => `cli/${folder}`),
        ...['connections', 'context', 'debug', 'load-debug', 'service-answer'].map((name) => `cli/${name}.ts`),
      ],
      packages: ['@confidant/', 'node:'],
    },
    'cli/run.ts': { local: ['sdk', 'cli'], packages: [] },
    'cli/main.ts': { local: ['cli/arguments', 'cli/commands/table.ts', 'cli/run.ts'], packages: [] },
    format: {
      local: ['text', 'cli/arguments', 'cli/terminal'],
      packages: ['@confidant/contract', 'node:', 'commander'],
    },
  }),
  'packages/server/src/domain': { local: ['packages/server/src/domain'], packages: ['@confidant/contract', 're2js'] },
  'packages/server/src/ports': {
    local: ['packages/server/src/ports', 'packages/server/src/domain'],
    packages: ['@confidant/contract'],
  },
  'packages/server/src/app': {
    local: ['packages/server/src/app', 'packages/server/src/domain', 'packages/server/src/ports'],
    packages: ['@confidant/contract', 'node:crypto'],
  },
  'packages/server/src/auth': {
    local: ['packages/server/src/auth', 'packages/server/src/domain', 'packages/server/src/ports'],
    packages: ['@confidant/contract', '@confidant/kmsauth', 'node:crypto', 'jose', 'lru-cache', 'zod'],
  },
  'packages/server/src/http': {
    local: [
      'packages/server/src/http',
      'packages/server/src/app',
      'packages/server/src/auth',
      'packages/server/src/domain',
      'packages/server/src/net',
      'packages/server/src/ports',
    ],
    packages: [
      '@confidant/contract',
      ...['node:crypto', 'node:fs/promises', 'node:http', 'node:net', 'node:path'],
      ...['fastify', '@fastify/static', 'cookie', 'pino', 'zod'],
    ],
  },
  'packages/server/src/config': {
    local: [
      'packages/server/src/config',
      'packages/server/src/domain/ca-names.ts',
      'packages/server/src/domain/loopback.ts',
      'packages/server/src/domain/plain-object.ts',
    ],
    packages: ['node:crypto', 'node:fs', 'node:net', '@confidant/kmsauth/proxy'],
  },
  // Only what several rooms share stands here: it knows none of them.
  'packages/server/src/adapters': {
    local: ['packages/server/src/domain', 'packages/server/src/ports'],
    packages: ['node:'],
  },
  ...room('access', { packages: ['node:', 'yaml', 'zod'] }),
  ...room('aws', {
    rooms: ['read-answer.ts'],
    // SigV4 is shared with the embedded KMS, which checks signatures.
    shared: ['aws'],
    packages: [
      'node:',
      '@confidant/kmsauth',
      '@aws-sdk/client-iam',
      '@aws-sdk/credential-provider-node',
      '@smithy/node-http-handler',
    ],
  }),
  ...room('expiring', {
    rooms: ['private-database.ts'],
    packages: ['node:', '@photostructure/sqlite', '@redis/client', 'lru-cache'],
  }),
  ...room('login', {
    rooms: ['read-answer.ts'],
    packages: ['node:', '@confidant/kmsauth/proxy', '@node-saml/node-saml', 'openid-client', 'yaml'],
  }),
  ...room('sealing', { packages: ['node:', '@confidant/contract', '@confidant/kmsauth', 'lru-cache', 'yaml'] }),
  // AWS Private CA is asked with the same signed JSON calls as DynamoDB.
  ...room('signing', { rooms: ['aws'], packages: ['node:', 'lru-cache', 'zod'] }),
  ...room('signing/x509', { packages: ['node:'] }),
  ...room('store', { packages: ['@confidant/contract'] }),
  ...room('store/dynamodb', {
    rooms: ['store/decode.ts', 'store/rows.ts', 'aws'],
    packages: ['node:', '@confidant/contract', 'lru-cache'],
  }),
  ...room('store/sqlite', {
    rooms: ['store/decode.ts', 'store/rows.ts', 'private-database.ts'],
    packages: ['node:', '@confidant/contract', '@photostructure/sqlite'],
  }),
  ...room('telemetry', { shared: ['net'], packages: ['node:', '@confidant/kmsauth/proxy', 'pino', 'prom-client'] }),
  'packages/server/src/aws': { local: [], packages: ['node:'] },
  'packages/server/src/net': { local: [], packages: ['node:'] },
  'packages/server/src/embedded': {
    local: ['embedded', 'aws', 'domain', 'net'].map((name) => `${SERVER}/${name}`),
    packages: ['node:', '@confidant/kmsauth', '@photostructure/sqlite', 'yaml', 'zod'],
  },
  // The composition root: only it, the server's program and confidant-admin construct adapters.
  'packages/server/src/compose': {
    local: [
      'packages/server/src/compose',
      'packages/server/src/config',
      'packages/server/src/adapters',
      'packages/server/src/app',
      'packages/server/src/auth',
      'packages/server/src/domain',
      'packages/server/src/embedded',
      'packages/server/src/http',
      'packages/server/src/ports',
    ],
    packages: [
      '@confidant/kmsauth',
      '@confidant/web',
      'node:cluster',
      'node:crypto',
      'node:fs',
      'node:os',
      'node:path',
      'node:zlib',
      'pino',
    ],
  },
  'packages/server/src/admin': {
    local: [
      'packages/server/src/admin',
      'packages/server/src/compose',
      'packages/server/src/config/server-settings.ts',
      'packages/server/src/config/setting-types.ts',
      'packages/server/src/adapters/access/acl-module.ts',
      'packages/server/src/adapters/access/parse-policy.ts',
      'packages/server/src/adapters/aws/kms-grants.ts',
      'packages/server/src/adapters/clock.ts',
      'packages/server/src/adapters/sealing/secrets-bootstrap.ts',
      'packages/server/src/app',
      'packages/server/src/domain',
      'packages/server/src/embedded/login-link.ts',
      'packages/server/src/embedded/private-files.ts',
      'packages/server/src/ports',
    ],
    packages: ['@confidant/kmsauth', 'commander', 'node:', 'pino', 'yaml'],
  },
  'packages/server/src/main.ts': {
    local: [
      'packages/server/src/compose',
      'packages/server/src/config/faults.ts',
      'packages/server/src/config/notices.ts',
      'packages/server/src/config/server-settings.ts',
      'packages/server/src/config/setting-types.ts',
      'packages/server/src/adapters/telemetry/log.ts',
      'packages/server/src/http/hang-up.ts',
    ],
    packages: ['node:module', 'pino'],
  },
};

/** The law of the client's folders; what is in a folder may import its own files, except for commands. */
function inClient(folders) {
  const source = 'packages/client/src';
  return Object.fromEntries(
    Object.entries(folders).map(([folder, { local, packages }]) => {
      const own = folder === 'cli' || folder === 'cli/commands' ? [] : [folder];
      return [`${source}/${folder}`, { local: [...own, ...local].map((place) => `${source}/${place}`), packages }];
    }),
  );
}

const files = sources(join(root, 'packages'));
const graph = new Map();
const broken = [];
for (const file of files) {
  const imports = importsOf(file);
  graph.set(
    file,
    imports.filter(({ target }) => target !== undefined).map(({ target }) => target.path),
  );
  const law = lawFor(file);
  for (const { specifier, target } of imports) {
    const allowed = target
      ? law.local.some((place) => target.path === place || target.path.startsWith(`${place}/`))
      : mayImport(law.packages, specifier);
    if (!allowed) broken.push(`${file} may not import ${specifier}`);
  }
}
for (const cycle of cycles(graph)) broken.push(`import cycle: ${cycle.join(' -> ')}`);
for (const line of broken) console.error(line);
if (broken.length === 0) console.log(`import law: ${files.length} files keep it`);
process.exitCode = broken.length === 0 ? 0 : 1;

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => /^packages\/\w+\/src\//.test(path))
    .sort();
}

function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern = /^\s*(?:import|export)\s+(?:type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(pattern)].map(([, fixed, lazy]) => {
    const specifier = fixed ?? lazy;
    if (!specifier.startsWith('.')) return { specifier };
    const written = relative(root, resolve(root, dirname(file), specifier));
    const path = [written.replace(/\.js$/, '.ts'), written.replace(/\.js$/, '.tsx'), written].find(isSource) ?? written;
    return { specifier, target: { path } };
  });
}

function isSource(path) {
  return existsSync(join(root, path));
}

function lawFor(file) {
  const place = Object.keys(LAW)
    .filter((prefix) => file === prefix || file.startsWith(`${prefix}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (place === undefined) throw new Error(`no law for ${file}`);
  return LAW[place];
}

function mayImport(packages, specifier) {
  const matches = (rule) =>
    specifier === rule || (specifier.startsWith(rule) && /[/:]$/.test(rule)) || specifier.startsWith(`${rule}/`);
  if (packages.some((rule) => rule.startsWith('!') && matches(rule.slice(1)))) return false;
  return packages.some((rule) => rule === '*' || matches(rule));
}

function* cycles(edges) {
  const state = new Map();
  function* visit(node, path) {
    state.set(node, 'open');
    for (const next of edges.get(node) ?? []) {
      if (state.get(next) === 'open') yield [...path.slice(path.indexOf(next)), next];
      else if (!state.has(next)) yield* visit(next, [...path, next]);
    }
    state.set(node, 'done');
  }
  for (const node of edges.keys()) if (!state.has(node)) yield* visit(node, [node]);
}
