import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** STS's AssumeRoleWithWebIdentity for tests: temporary credentials for any token. */
export interface StsStandIn {
  url: string;
  /** The access key that it gives out. */
  accessKeyId: string;
  calls: number;
  /** It answers after this. */
  delayMs: number;
  stop(): Promise<void>;
}

export async function startStsStandIn(): Promise<StsStandIn> {
  const accessKeyId = 'ASIAFROMSTS';
  const sts = { accessKeyId, calls: 0, delayMs: 0 };
  const server = createServer((request, response) => {
    request.resume();
    void once(request, 'end').then(async () => {
      sts.calls += 1;
      if (sts.delayMs > 0) await sleep(sts.delayMs);
      const until = new Date(Date.now() + 3_600_000).toISOString();
      response.writeHead(200, { 'content-type': 'text/xml' }).end(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <AssumeRoleWithWebIdentityResult><Credentials>
            <AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
            <SessionToken>session</SessionToken><Expiration>${until}</Expiration>
          </Credentials></AssumeRoleWithWebIdentityResult>
        </AssumeRoleWithWebIdentityResponse>`,
      );
    });
  });
  // No idle connection is closed, since a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return Object.assign(sts, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
