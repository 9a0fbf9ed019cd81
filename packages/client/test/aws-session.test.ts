import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AwsSession, AwsSessionError } from '../src/sdk/aws-session.js';
import { completeSettings, connect, loadProfile } from '../src/index.js';
import { awsEnvironment } from './support/cli.js';
import { deploy, type Deployment } from './support/deployment.js';
import { startAnswering, type AnsweringServer } from './support/http.js';

/** A stand-in for STS and IAM with their wire protocol: XML answers to form posts. */
let aws: AnsweringServer;
let at: Deployment;
let isRefusing = false;
const asked = () =>
  aws.seen.map(({ body }) => {
    const { Version: _, ...form } = Object.fromEntries(new URLSearchParams(body));
    return form;
  });

beforeAll(async () => {
  at = await deploy();
  aws = await startAnswering(({ body }) => {
    const action = new URLSearchParams(body).get('Action')!;
    const headers = { 'content-type': 'text/xml' };
    if (isRefusing) {
      const error = '<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>s3cret</Message></Error>';
      return { status: 403, headers, body: `<ErrorResponse>${error}</ErrorResponse>` };
    }
    const content =
      action === 'GetUser'
        ? '<User><UserName>alice</UserName><Arn>arn:aws:iam::123456789012:user/team/alice</Arn><UserId>x</UserId><Path>/</Path><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>'
        : `<Credentials><AccessKeyId>ASIATEMPORARY</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`;
    return { headers, body: `<${action}Response><${action}Result>${content}</${action}Result></${action}Response>` };
  });
  Object.assign(process.env, awsEnvironment(at.kms.url), {
    AWS_ENDPOINT_URL_STS: aws.url,
    AWS_ENDPOINT_URL_IAM: aws.url,
  });
});
afterAll(async () => {
  await aws.close();
  await at.close();
});
afterEach(() => {
  aws.seen.length = 0;
  isRefusing = false;
});

async function encrypt(options: {
  assumeRole?: string;
  mfaCode?: () => Promise<string>;
  mfaSerial?: string;
}): Promise<void> {
  const session = new AwsSession({ region: 'us-east-1', timeoutMs: 60_000, ...options });
  const request = { keyId: 'alias/authnz-user', plaintext: Buffer.from('x'), context: {} };
  try {
    await session.kms('us-east-1').encrypt(request);
    await session.kms('us-east-1').encrypt(request);
  } finally {
    session.close();
  }
}

describe('credentials', () => {
  test('without role or MFA, neither STS nor IAM is called', async () => {
    await encrypt({});
    expect(asked()).toEqual([]);
  });

  test("a role name is completed with the user's account, and the session is named after the role", async () => {
    await encrypt({ assumeRole: 'reader' });
    expect(asked()).toEqual([
      { Action: 'GetUser' },
      { Action: 'AssumeRole', RoleArn: 'arn:aws:iam::123456789012:role/reader', RoleSessionName: 'reader_confidant' },
    ]);
  });

  test('the ARN of a role is used as it is', async () => {
    const assumeRole = 'arn:aws:iam::210987654321:role/path/reader';
    await encrypt({ assumeRole });
    expect(asked()).toEqual([{ Action: 'AssumeRole', RoleArn: assumeRole, RoleSessionName: 'reader_confidant' }]);
  });

  test('the MFA code is asked for once, for the device named after the user', async () => {
    let codes = 0;
    const mfaCode = () => Promise.resolve(String((codes += 1)).padStart(6, '0'));
    await encrypt({ mfaCode });
    const proof = { SerialNumber: 'arn:aws:iam::123456789012:mfa/alice', TokenCode: '000001' };
    expect(asked()).toEqual([{ Action: 'GetUser' }, { Action: 'GetSessionToken', ...proof }]);
    aws.seen.length = 0;
    codes = 0;
    await encrypt({ mfaCode, assumeRole: 'reader' });
    expect(asked()[1]).toMatchObject({ Action: 'AssumeRole', ...proof });
    expect(codes).toBe(1);
  });

  test('a named MFA device is used as it is, and IAM is asked only for what is still missing', async () => {
    const mfa = { mfaSerial: 'arn:aws-us-gov:iam::123456789012:mfa/phone', mfaCode: () => Promise.resolve('000001') };
    const proof = { SerialNumber: mfa.mfaSerial, TokenCode: '000001' };
    await encrypt(mfa);
    expect(asked()).toEqual([{ Action: 'GetSessionToken', ...proof }]);
    aws.seen.length = 0;
    await encrypt({ ...mfa, assumeRole: 'arn:aws-us-gov:iam::210987654321:role/reader' });
    expect(asked()).toMatchObject([{ Action: 'AssumeRole', ...proof }]);
    aws.seen.length = 0;
    await encrypt({ ...mfa, assumeRole: 'reader' });
    expect(asked()).toMatchObject([{ Action: 'GetUser' }, { Action: 'AssumeRole', ...proof }]);
  });

  test('concurrent calls in several regions share one MFA code, and a refused code is asked for again', async () => {
    let codes = 0;
    const mfaCode = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return String((codes += 1)).padStart(6, '0');
    };
    const session = new AwsSession({ region: 'us-east-1', timeoutMs: 60_000, mfaCode });
    const encryptIn = (region: string) =>
      session.kms(region).encrypt({ keyId: 'alias/authnz-user', plaintext: Buffer.from('x'), context: {} });
    try {
      isRefusing = true;
      const refused = await Promise.allSettled(['us-east-1', 'us-west-2'].map(encryptIn));
      expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      isRefusing = false;
      aws.seen.length = 0;
      codes = 0;
      // The stand-in has keys in one region only.
      await Promise.all([
        encryptIn('us-east-1'),
        encryptIn('us-east-1'),
        encryptIn('us-west-2').catch(() => undefined),
      ]);
      expect(asked().filter(({ Action }) => Action === 'GetSessionToken')).toHaveLength(1);
      expect(codes).toBe(1);
    } finally {
      session.close();
    }
  });

  test('an error names the call and the code, and does not quote AWS', async () => {
    isRefusing = true;
    await expect(encrypt({ assumeRole: 'arn:aws:iam::1:role/x' })).rejects.toMatchObject({
      name: 'AwsSessionError',
      message: 'could not assume the role arn:aws:iam::1:role/x: AccessDenied',
    });
    const session = new AwsSession({ region: 'us-east-1', timeoutMs: 60_000 });
    await expect(session.userName()).rejects.toThrow(AwsSessionError);
  });
});

describe('the name of a user', () => {
  test("without a configured name, the user's name comes from IAM", async () => {
    at.configure({ auth_key: 'alias/authnz-user', auth_context: { to: 'confidant-production', user_type: 'user' } });
    const { profile } = await loadProfile([at.config]);
    const connection = await connect(completeSettings(profile));
    expect((await connection.token()).username).toBe('2/user/alice');
    connection.close();
    at.configure({});
  });
});

describe('the token cache file', () => {
  test('the token cache file has the format of the original, is used again, and is not used for another key', async () => {
    const tokenOf = async (further: Record<string, unknown>) => {
      at.configure(further);
      const connection = await connect(completeSettings((await loadProfile([at.config])).profile));
      const { token } = await connection.token();
      connection.close();
      return token;
    };
    const token = await tokenOf({});
    const kept = JSON.parse(readFileSync(join(at.folder, 'token'), 'utf8')) as Record<string, unknown>;
    expect(kept).toMatchObject({
      token,
      not_after: expect.stringMatching(/^\d{8}T\d{6}Z$/),
      auth_context: { from: 'web', to: 'confidant-production', user_type: 'service' },
    });
    expect(await tokenOf({})).toBe(token);
    expect(await tokenOf({ auth_key: 'alias/authnz-user' })).not.toBe(token);
  });
});

describe('the region', () => {
  const askedIn = async (env: Record<string, string>, ...options: string[]): Promise<string | undefined> => {
    at.kms.calls.length = 0;
    const end = await at.run([...options, 'token'], { env });
    expect([0, 1]).toContain(end.code);
    return at.kms.calls.at(-1)?.region;
  };
  const aws = (): Record<string, string> => {
    const config = join(at.folder, 'aws-config');
    writeFileSync(
      config,
      `[default]\nregion = eu-west-1\n[profile bare]\noutput = text\n
       [profile stage]\nregion=ap-south-1\naws_access_key_id = AKIASTAGE\naws_secret_access_key = x\n`.replaceAll(
        /^ +/gm,
        '',
      ),
    );
    return { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: join(at.folder, 'no-such-file') };
  };

  test('the region comes from the option, the configuration, the environment or the AWS profile, in this order', async () => {
    at.configure({ region: 'us-east-2', token_cache_file: '' });
    const all = { ...aws(), AWS_REGION: 'eu-central-1' };
    expect(await askedIn(all, '--region', 'us-west-2')).toBe('us-west-2');
    expect(await askedIn(all)).toBe('us-east-2');
    at.configure({ region: undefined, token_cache_file: '' });
    expect(await askedIn(all)).toBe('eu-central-1');
    expect(await askedIn({ ...aws(), AWS_DEFAULT_REGION: 'eu-north-1' })).toBe('eu-north-1');
    expect(await askedIn(aws())).toBe('eu-west-1');
    expect(await askedIn({ ...aws(), AWS_PROFILE: 'stage' })).toBe('ap-south-1');
  });

  test("the region is read from the AWS credentials file, then from ~/.aws/config, as by AWS's own tools", async () => {
    at.configure({ region: undefined, token_cache_file: '' });
    mkdirSync(join(at.folder, '.aws'), { recursive: true });
    writeFileSync(join(at.folder, '.aws/config'), '[default]\nregion = eu-west-2\n');
    expect(await askedIn({ HOME: at.folder })).toBe('eu-west-2');
    writeFileSync(join(at.folder, '.aws/credentials'), '[default]\nregion = eu-west-3\n');
    expect(await askedIn({ HOME: at.folder })).toBe('eu-west-3');
  });

  test('a missing region is a configuration error that says where to set it', async () => {
    at.configure({ region: undefined, token_cache_file: '' });
    for (const profile of ['bare', 'missing']) {
      const end = await at.run(['token'], { env: { ...aws(), AWS_PROFILE: profile } });
      expect(end).toMatchObject({ code: 1, stdout: '' });
      expect(end.stderr).toMatch(/no AWS region: .*--region/);
    }
  });
});
