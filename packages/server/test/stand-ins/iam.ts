import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** IAM's query protocol for tests: ListRoles, paged, and GetRole. */
export interface IamStandIn {
  /** The address for AWS_ENDPOINT_URL_IAM. */
  url: string;
  /** The names of the roles, which tests may change. */
  roles: string[];
  /** How often each action was called. */
  calls: Record<string, number>;
  /** While set, every call is answered with this status, not at all, without end, or with this text and status 200. */
  fault: number | 'hang' | 'endless' | { body: string } | undefined;
  /** The number of roles on a page, whatever the request says. */
  pageSize: number;
  stop(): Promise<void>;
}

const ACCOUNT_ID = '123456789012';

/** The ARN of a role in this IAM. */
export const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT_ID}:role/${name}`;

export async function startIamStandIn(roles: readonly string[]): Promise<IamStandIn> {
  const iam: Omit<IamStandIn, 'url' | 'stop'> = {
    roles: [...roles],
    calls: {},
    fault: undefined,
    pageSize: 10,
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
      const action = form.get('Action') ?? '';
      iam.calls[action] = (iam.calls[action] ?? 0) + 1;
      if (iam.fault === 'hang') return;
      if (iam.fault === 'endless') return sendWithoutEnd(response);
      const [status, body] =
        iam.fault === undefined
          ? answer(action, form)
          : typeof iam.fault === 'object'
            ? [200, iam.fault.body]
            : [iam.fault, failure('ServiceFailure')];
      response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
    });
  });

  function answer(action: string, form: URLSearchParams): [status: number, body: string] {
    if (action === 'ListRoles') {
      const start = Number(form.get('Marker') ?? 0);
      const end = start + Math.min(iam.pageSize, Number(form.get('MaxItems') ?? iam.pageSize));
      const isTruncated = end < iam.roles.length;
      const members = iam.roles.slice(start, end).map((name) => `<member>${role(name)}</member>`);
      const marker = isTruncated ? `<Marker>${end}</Marker>` : '';
      return [
        200,
        result(action, `<Roles>${members.join('')}</Roles><IsTruncated>${isTruncated}</IsTruncated>${marker}`),
      ];
    }
    const name = form.get('RoleName') ?? '';
    if (action !== 'GetRole' || !/^[\w+=,.@-]{1,64}$/.test(name)) return [400, failure('ValidationError')];
    return iam.roles.includes(name)
      ? [200, result(action, `<Role>${role(name)}</Role>`)]
      : [404, failure('NoSuchEntity')];
  }

  // No idle connection is closed, since a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(iam, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function sendWithoutEnd(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/xml' }).write('<ListRolesResponse>');
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(100_000)));
  };
  response.on('drain', more);
  more();
}

function role(name: string): string {
  return (
    `<Path>/</Path><RoleName>${name}</RoleName><RoleId>AROA${name.toUpperCase()}</RoleId>` +
    `<Arn>${roleArn(name)}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>`
  );
}

function result(action: string, body: string): string {
  const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';
  return `<${action}Response xmlns="${namespace}"><${action}Result>${body}</${action}Result></${action}Response>`;
}

function failure(code: string): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
}
