import { describe, expect, test } from 'vitest';
import { dangers, misspeltSettings } from '../../src/config/notices.js';
import { readSettings } from '../../src/config/parse.js';

const dangersOf = (environment: Record<string, string>): string[] => dangers(readSettings(environment).settings);

describe('a start warns that', () => {
  const modules: Record<string, Record<string, string>> = {
    'everybody with a Google account': { USER_AUTH_MODULE: 'google', GOOGLE_OAUTH_CLIENT_ID: 'id' },
    'everybody whom the login provider lets in': { USER_AUTH_MODULE: 'oidc', OIDC_ISSUER: 'https://idp.example' },
    'everybody whom the proxy names': {
      USER_AUTH_MODULE: 'header',
      HEADER_AUTH_EMAIL_HEADER: 'X-Email',
      PUBLIC_URL: 'https://confidant.example',
    },
  };
  for (const [who, environment] of Object.entries(modules)) {
    test(`${who} may log in, unless a setting says who may`, () => {
      expect(dangersOf(environment)).toEqual([expect.stringContaining(`${who} may log in`)]);
      expect(dangersOf({ ...environment, USER_EMAIL_SUFFIX: '@example.com' })).toEqual([]);
      expect(dangersOf({ ...environment, GOOGLE_AUTH_EMAIL_SUFFIX: '@example.com' })).toEqual([]);
      expect(dangersOf({ ...environment, USERS_FILE: '/etc/people.yaml' })).toEqual([]);
      expect(dangersOf({ ...environment, USERS_FILE: '' })).toHaveLength(1);
    });
  }

  test('SAML lets in everybody too', () => {
    expect(dangersOf({ USER_AUTH_MODULE: 'saml' })).toEqual([expect.stringContaining('the login provider lets in')]);
  });

  test('nobody new may log in where no login is configured, or only the one-time link', () => {
    expect(dangersOf({})).toEqual([]);
    expect(dangersOf({ USER_AUTH_MODULE: 'google' })).toEqual([]);
  });

  test('header login needs PUBLIC_URL, if the proxy may be on this machine', () => {
    const header = { USER_AUTH_MODULE: 'header', HEADER_AUTH_EMAIL_HEADER: 'X-Email', USER_EMAIL_SUFFIX: '@x.y' };
    expect(dangersOf(header)).toEqual([expect.stringContaining('PUBLIC_URL')]);
    expect(dangersOf({ ...header, FORWARDED_ALLOW_IPS: '10.0.0.1' })).toEqual([]);
  });
});

describe('a variable that is not a setting', () => {
  const misspelt: [variable: string, setting: string][] = [
    ['USER_FILE', 'USERS_FILE'],
    ['USERS_FILES', 'USERS_FILE'],
    ['USER_FILES', 'USERS_FILE'],
    ['USERSFILE', 'USERS_FILE'],
    ['users_file', 'USERS_FILE'],
    ['UESRS_FILE', 'USERS_FILE'],
    ['USER_EMAIL_SUFIX', 'USER_EMAIL_SUFFIX'],
    ['USERS_EMAIL_SUFFIX', 'USER_EMAIL_SUFFIX'],
    ['CONFIDANT_USERS_FILE', 'USERS_FILE'],
    ['ACL_POLICYFILE', 'ACL_POLICY_FILE'],
    ['SESSION_SECRET_FILE', 'SESSION_SECRET'],
    ['OIDC_CLIENT_SECRET_FILE', 'OIDC_CLIENT_SECRET'],
    ['SAML_IDP_CERT_FIEL', 'SAML_IDP_CERT_FILE'],
  ];
  for (const [variable, setting] of misspelt) {
    test(`is named if it looks like one: ${variable}`, () => {
      expect(misspeltSettings({ [variable]: 'x' })).toEqual([
        expect.stringMatching(`${variable} .* mean ${setting}\\?$`),
      ]);
    });
  }

  test('is not named if it belongs to others, or if the setting is there', () => {
    const names = [
      'HOSTNAME',
      'LOGNAME',
      'HTTPS_PROXY',
      'NODE_ENV',
      'AWS_DEFAULT_REGION',
      'AWS_REGION',
      'PATH',
      'PORTS',
    ];
    expect(misspeltSettings(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
    expect(misspeltSettings({ USER_FILE: 'x', USERS_FILE: '/etc/people.yaml' })).toEqual([]);
    expect(misspeltSettings({ GEVENT_RESOLVER: 'x', ACM_PRIVATE_CA_ARN_MYCA: 'x' })).toEqual([]);
  });
});
