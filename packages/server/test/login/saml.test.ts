import { createPrivateKey, createPublicKey, createVerify, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf } from '../harness/server.js';
import { type KeyPair, makeKeyPair } from './saml-idp.js';
import { requestIn, type SamlSite, startSamlSite } from './saml-site.js';
import { attributesOf, flowCookie, type Visit, Visitor } from './visitor.js';

const PASSWORD = 'opens the key';
let folder: string;
let sp: KeyPair;
let site: SamlSite;
let keyFile: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-saml-'));
  sp = await makeKeyPair('confidant');
  keyFile = join(folder, 'sp.key');
  writeFileSync(
    keyFile,
    createPrivateKey(sp.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSWORD }),
  );
  site = await startSamlSite(
    {
      SAML_SP_KEY: '',
      SAML_SP_KEY_FILE: keyFile,
      SAML_SP_KEY_FILE_PASSWORD: PASSWORD,
      USER_EMAIL_SUFFIX: '@example.com',
    },
    sp,
  );
});
afterAll(async () => {
  await site?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a login at a SAML identity provider', () => {
  test('begins with a signed request, by a key from an encrypted file', async () => {
    const { location } = await new Visitor(site.confidant.url).go('/v1/saml/login');
    const { xml } = requestIn(location!);
    expect(xml).toContain(`AssertionConsumerServiceURL="${site.confidant.url}/v1/saml/consume"`);
    expect(xml).toContain(`${site.confidant.url}/v1/saml/metadata</saml:Issuer>`);
    expect(xml).toContain('urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport');
    const query = new URL(location!).search.slice(1);
    const [signed, signature] = query.split('&Signature=');
    expect(new URL(location!).searchParams.get('SigAlg')).toBe('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256');
    const proven = createVerify('sha256').update(signed!).verify(sp.cert, decodeURIComponent(signature!), 'base64');
    expect(proven).toBe(true);
  });

  test('ends with lower-cased e-mail, names, groups, and a session that scripts cannot read', async () => {
    const { visitor, ...done } = await site.login();
    expect([done.status, done.location]).toEqual([302, '/']);
    expect((await visitor.go('/v1/user/email')).text).toBe('{"email":"alice@example.com"}');
    expect((await visitor.go('/account')).text).toContain('Alice Ågren (alice@example.com)');
  });

  test('takes an assertion for either audience: the metadata address and the older consume address', async () => {
    expect((await site.login({ audience: `${site.confidant.url}/v1/saml/consume` })).status).toBe(302);
  });

  test('takes the address from an attribute when the NameID is opaque', async () => {
    const attributes = { mail: 'Bob@Example.com', givenName: 'Bob' };
    const { visitor } = await site.login({ nameId: 'a3f0-opaque', attributes });
    expect((await visitor.go('/v1/user/email')).text).toBe('{"email":"bob@example.com"}');
  });

  test('takes the address and names from attributes under any usual name', async () => {
    const usual: [email: string, first: string, last: string][] = [
      ['urn:oid:1.2.840.113549.1.9.1', 'urn:oid:2.5.4.42', 'urn:oid:2.5.4.4'],
      ['urn:oid:0.9.2342.19200300.100.1.3', 'urn:mace:dir:attribute-def:givenName', 'urn:mace:dir:attribute-def:sn'],
      ['1.2.840.113549.1.9.1', 'First Name', 'Last Name'],
      ['urn:mace:dir:attribute-def:mail', 'first-name', 'lastName'],
      ['http://schemas.xmlsoap.org/claims/EmailAddress', 'User.FirstName', 'User.LastName'],
      ['email_address', 'given_name', 'family_name'],
    ];
    for (const [email, first, last] of usual) {
      const attributes = { [email]: 'Bob@Example.com', [first]: 'Bob', [last]: 'B' };
      const { visitor } = await site.login({ nameId: 'a3f0-opaque', attributes });
      expect((await visitor.go('/account')).text).toContain('Bob B (bob@example.com)');
    }
  });

  test('is refused when attributes name two different addresses', async () => {
    const attributes = { mail: ['bob@example.com', 'root@example.com'] };
    expect((await site.login({ nameId: 'a3f0-opaque', attributes })).status).toBe(401);
    const same = { mail: ['bob@example.com', 'Bob@Example.com'] };
    expect((await site.login({ nameId: 'a3f0-opaque', attributes: same })).status).toBe(302);
  });

  test('is refused when the provider leaves out groups, or names groups that are not names', async () => {
    const left: Record<string, string | string[]>[] = [
      { 'http://schemas.microsoft.com/claims/groups.link': 'https://graph.example/' },
      { 'groups.link': 'https://graph.example/', groups: ['ops'] },
      { hasgroups: 'true' },
      { _claim_names: '{"groups":"src1"}' },
      { groups: 'x'.repeat(300) },
    ];
    for (const attributes of left) expect((await site.login({ attributes })).status).toBe(401);
  });

  test('decrypts assertions, and checks the signatures inside', async () => {
    const publicKey = createPublicKey(sp.cert).export({ type: 'spki', format: 'pem' }) as string;
    expect((await site.login({ encryptFor: { ...sp, publicKey } })).status).toBe(302);
    const weak = { signResponse: true, signAssertion: true, signatureAlgorithm: 'rsa-sha1' };
    expect((await site.login({ encryptFor: { ...sp, publicKey }, ...weak })).status).toBe(401);
  });

  test('refuses a person of another domain with 403', async () => {
    const done = await site.login({ nameId: 'alice@example.com.evil.com' });
    expect([done.status, done.headers.get('x-confidant-error')]).toEqual([403, 'not_authorized']);
    expect(done.visitor.jar().has('confidant_session')).toBe(false);
  });

  test('has metadata that names both addresses and the certificate, and is signed', async () => {
    const { text, headers } = await new Visitor(site.confidant.url).go('/v1/saml/metadata');
    expect(headers.get('content-type')).toBe('text/xml; charset=utf-8');
    expect(text).toContain(`entityID="${site.confidant.url}/v1/saml/metadata"`);
    expect(text).toContain(`bindings:HTTP-POST" Location="${site.confidant.url}/v1/saml/consume"`);
    expect(text).toContain(`bindings:HTTP-Redirect" Location="${site.confidant.url}/v1/saml/logout"`);
    expect(text).toContain(sp.cert.split('\n')[1]);
    expect(text).toContain('SignatureValue');
    expect(text).not.toContain('PRIVATE');
  });

  test('has a debug page that is 403 unless it is switched on, and then shows no key, to nobody but those who are logged in', async () => {
    expect((await new Visitor(site.confidant.url).go('/v1/saml/debug')).text).toBe(
      '{"error":"Cannot display /debug, not in DEBUG mode."}',
    );
    const debug = await startSamlSite({ SAML_DEBUG: 'true' }, sp);
    expect((await new Visitor(debug.confidant.url).go('/v1/saml/debug')).status).toBe(401);
    expect((await debug.confidant.call('user:alice', 'GET', '/v1/saml/debug')).status).toBe(200);
    const shown = await (await debug.login()).visitor.go('/v1/saml/debug');
    expect(shown.status).toBe(200);
    expect(shown.text).not.toMatch(/PRIVATE|BEGIN/);
    await debug.stop();
  });
});

describe('cookies of a login over HTTPS', () => {
  test('are Secure, and only the one that must survive the provider’s post is sent across sites', async () => {
    const visitor = new Visitor(site.confidant.url);
    const https = { 'x-forwarded-proto': 'https' };
    const begun = await visitor.go('/v1/login', { headers: https });
    expect(attributesOf(begun, flowCookie(visitor)[0])).toEqual(
      expect.arrayContaining(['HttpOnly', 'Path=/', 'SameSite=None', 'Secure']),
    );
    const xml = await site.idp.say({ inResponseTo: requestIn(begun.location!).id });
    const SAMLResponse = Buffer.from(xml).toString('base64');
    const done = await visitor.post('/v1/saml/consume', { SAMLResponse }, https);
    for (const name of ['confidant_session', 'XSRF-TOKEN']) {
      expect(attributesOf(done, name)).toEqual(expect.arrayContaining(['SameSite=Lax', 'Secure']));
    }
  });
});

describe('single logout', () => {
  async function loggedIn(): Promise<{ visitor: Visitor }> {
    site.idp.participants.clear();
    const visitor = new Visitor(site.confidant.url);
    const form = await visitor.follow('/v1/login');
    const query = new URL(form.url).searchParams;
    query.set('nameId', 'alice@example.com');
    const page = await visitor.go(`${site.idp.url}/sso?${query.toString()}`);
    const response = /name="SAMLResponse" value="([^"]+)"/.exec(page.text)![1]!;
    expect((await visitor.post('/v1/saml/consume', { SAMLResponse: response })).status).toBe(302);
    return { visitor };
  }
  const email = async (visitor: Visitor): Promise<number> => (await visitor.go('/v1/user/email')).status;

  test('that begins here ends both sessions, with signed messages', async () => {
    const { visitor } = await loggedIn();
    const copy = visitor.jar().get('confidant_session')!;
    const end = await visitor.follow('/v1/saml/logout');
    expect([end.url, end.status]).toEqual([`${site.confidant.url}/loggedout`, 200]);
    expect(site.idp.participants.count()).toBe(0);
    expect(await email(visitor)).toBe(401);
    visitor.jar().set('confidant_session', copy);
    expect(await email(visitor)).toBe(401);
  });

  test('cannot be started by a page of another site, nor by /loggedout', async () => {
    const { visitor } = await loggedIn();
    const sent = await visitor.go('/v1/saml/logout', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect([sent.status, sent.location]).toEqual([302, '/']);
    expect((await visitor.go('/loggedout')).status).toBe(200);
    expect(await email(visitor)).toBe(200);
    await visitor.follow('/v1/saml/logout', { headers: { 'sec-fetch-site': 'same-origin' } });
    expect(await email(visitor)).toBe(401);
  });

  test('that begins at the provider ends the session here', async () => {
    const { visitor } = await loggedIn();
    const copy = visitor.jar().get('confidant_session')!;
    const end = await visitor.follow(`${site.idp.url}/slo`);
    expect(end.text).toBe('logged out everywhere');
    expect(await email(visitor)).toBe(401);
    visitor.jar().set('confidant_session', copy);
    expect(await email(visitor)).toBe(401);
  });

  test('that the provider asks for without our cookie ends the session all the same, and no other', async () => {
    const { visitor } = await loggedIn();
    const other = (await site.login({ nameId: 'alice@example.com', sessionIndex: '_other' })).visitor;
    const asked = await new Visitor(site.confidant.url).go((await new Visitor(site.idp.url).go('/slo')).location!);
    expect(asked.status).toBe(302);
    expect(await email(visitor)).toBe(401);
    expect(await email(other)).toBe(200);
  });

  function request(
    changes: { key?: string; nameId?: string; destination?: string; algorithm?: string; age?: number } = {},
  ) {
    const { nameId = 'alice@example.com', destination = `${site.confidant.url}/v1/saml/logout`, age = 0 } = changes;
    const xml =
      `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"` +
      ` ID="_${Math.random().toString(16).slice(2)}" Version="2.0" IssueInstant="${new Date(Date.now() - age * 1000).toISOString()}" Destination="${destination}">` +
      `<saml:Issuer>${site.idp.entityId}</saml:Issuer><saml:NameID>${nameId}</saml:NameID></samlp:LogoutRequest>`;
    const unsigned = `SAMLRequest=${encodeURIComponent(deflateRawSync(Buffer.from(xml)).toString('base64'))}`;
    if (changes.key === undefined) return unsigned;
    const { algorithm = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256' } = changes;
    const signed = `${unsigned}&SigAlg=${encodeURIComponent(algorithm)}`;
    const hash = algorithm.endsWith('sha1') ? 'sha1' : 'sha256';
    return `${signed}&Signature=${encodeURIComponent(sign(hash, Buffer.from(signed), changes.key).toString('base64'))}`;
  }
  const ask = (query: string): Promise<Visit> => new Visitor(site.confidant.url).go(`/v1/saml/logout?${query}`);

  test('without SessionIndex ends every session of the person', async () => {
    const visitors = [(await site.login()).visitor, (await site.login({ sessionIndex: '_second' })).visitor];
    const asked = await ask(request({ key: site.idp.keys.key, nameId: 'Alice@Example.com' }));
    expect(asked.status).toBe(302);
    expect(new URL(asked.location!).searchParams.has('Signature')).toBe(true);
    expect(await Promise.all(visitors.map(email))).toEqual([401, 401]);
    // A later login is another session.
    expect(await email((await site.login()).visitor)).toBe(200);
  });

  test('is refused when unsigned, signed by another key or weakly, for another destination, old, changed, given twice or replayed', async () => {
    const { visitor } = await site.login();
    const { key } = site.idp.keys;
    const good = request({ key });
    const refused: Record<string, string> = {
      unsigned: request(),
      'another key': request({ key: sp.key }),
      weak: request({ key, algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
      destination: request({ key, destination: 'https://other.example/slo' }),
      old: request({ key, age: 7200 }),
      changed: good.replace(/SAMLRequest=[^&]+/, request()),
      twice: `${request()}&${good}`,
      bomb: `SAMLRequest=${encodeURIComponent(deflateRawSync(Buffer.alloc(4_000_000, 'a')).toString('base64'))}`,
    };
    for (const [name, query] of Object.entries(refused)) {
      expect([name, (await ask(query)).status]).toEqual([name, 401]);
    }
    expect(await email(visitor)).toBe(200);
    expect((await ask(good)).status).toBe(302);
    expect((await ask(good)).status).toBe(401);
  });

  test('is refused as a response to a logout that this browser did not begin', async () => {
    const { visitor } = await loggedIn();
    const begun = await visitor.go('/v1/saml/logout');
    const back = await visitor.go(begun.location!);
    expect((await new Visitor(site.confidant.url).go(back.location!)).status).toBe(401);
    expect((await visitor.go(back.location!)).location).toBe('/loggedout');
  });
});

describe('SAML settings', () => {
  const environment = (more: Record<string, string> = {}): Record<string, string> => ({
    USER_AUTH_MODULE: 'saml',
    SAML_CONFIDANT_URL_ROOT: 'https://confidant.example',
    SAML_IDP_ENTITY_ID: 'https://idp.example',
    SAML_IDP_SIGNON_URL: 'https://idp.example/sso',
    SAML_IDP_CERT: sp.cert,
    ...more,
  });
  const raw = (value: unknown): Record<string, string> => ({ SAML_RAW_JSON_SETTINGS: JSON.stringify(value) });

  test('are complete with an identity provider and a root', () => {
    expect(faultsOf(environment())).toEqual([]);
    expect(faultsOf(environment({ SAML_IDP_CERT: sp.cert.replace(/-----[^-]+-----|\s/g, '') }))).toEqual([]);
  });

  test('that are missing are all reported at once', () => {
    const told = faultsOf({ USER_AUTH_MODULE: 'saml' }).map(({ setting }) => setting);
    expect(told).toEqual(['SAML_CONFIDANT_URL_ROOT', 'SAML_IDP_ENTITY_ID', 'SAML_IDP_SIGNON_URL', 'SAML_IDP_CERT']);
  });

  test('must demand a signature, unless the contrary is confirmed', () => {
    const off = environment({ SAML_SECURITY_MESSAGES_SIGNED: 'false' });
    expect(faultsOf(off)).toEqual([expect.objectContaining({ setting: 'SAML_SECURITY_MESSAGES_SIGNED' })]);
    expect(faultsOf({ ...off, SAML_ALLOW_UNSIGNED: 'true' })).toEqual([]);
  });

  test('with a wrong key password are refused without showing key or password', () => {
    const faults = faultsOf(
      environment({ SAML_SP_KEY_FILE: keyFile, SAML_SP_KEY_FILE_PASSWORD: 'wrong', SAML_SP_CERT: sp.cert }),
    );
    expect(faults).toEqual([expect.objectContaining({ setting: 'SAML_SP_KEY_FILE' })]);
    expect(JSON.stringify(faults)).not.toMatch(/wrong|BEGIN/);
  });

  test('with SAML_FAKE_HTTPS but no DEBUG, or with unknown algorithms, are refused', () => {
    expect(faultsOf(environment({ SAML_FAKE_HTTPS: 'true' }))[0]?.setting).toBe('SAML_FAKE_HTTPS');
    const algorithm = 'http://www.w3.org/2000/09/xmldsig#dsa-sha1';
    expect(faultsOf(environment({ SAML_SECURITY_SIG_ALGO: algorithm }))[0]?.setting).toBe('SAML_SECURITY_SIG_ALGO');
  });

  test('name a file that is missing, empty or not a certificate by the setting of the file', () => {
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    for (const name of ['SAML_IDP_CERT', 'SAML_SP_CERT', 'SAML_SP_KEY']) {
      for (const file of [join(folder, 'missing'), empty, folder]) {
        const { [name]: _, ...rest } = environment({ SAML_SP_CERT: sp.cert, SAML_SP_KEY: sp.key });
        expect(faultsOf({ ...rest, [`${name}_FILE`]: file }).map(({ setting }) => setting)).toEqual([`${name}_FILE`]);
      }
    }
    expect(faultsOf(environment({ SAML_IDP_CERT: ' ' })).map(({ setting }) => setting)).toEqual(['SAML_IDP_CERT']);
  });

  test('set the entity id that requests, metadata and audiences have', async () => {
    const other = await startSamlSite({ SAML_SP_ENTITY_ID: 'urn:confidant' });
    const visitor = new Visitor(other.confidant.url);
    expect(requestIn((await visitor.go('/v1/login')).location!).xml).toContain('urn:confidant</saml:Issuer>');
    expect((await visitor.go('/v1/saml/metadata')).text).toContain('entityID="urn:confidant"');
    expect((await other.login({ audience: 'urn:confidant' })).status).toBe(302);
    await other.stop();
  });

  test('in raw form may set another entity id', async () => {
    const other = await startSamlSite(
      raw({ sp: { entityId: 'urn:confidant' }, security: { requestedAuthnContext: false } }),
    );
    const { location } = await new Visitor(other.confidant.url).go('/v1/login');
    const { xml } = requestIn(location!);
    expect(xml).toContain('urn:confidant</saml:Issuer>');
    expect(xml).not.toContain('RequestedAuthnContext');
    expect((await other.login({ audience: 'urn:confidant' })).status).toBe(302);
    expect((await other.login()).status).toBe(401);
    await other.stop();
  });

  test('in raw form with unknown keys or unsafe values are refused by name', () => {
    const refused: [unknown, RegExp][] = [
      [{ strict: false }, /strict/],
      [{ idp: { certFingerprint: 'aa:bb' } }, /idp\.certFingerprint/],
      [{ security: { rejectDeprecatedAlgorithm: false } }, /security\.rejectDeprecatedAlgorithm/],
      [{ sp: { attributeConsumingService: {} } }, /sp\.attributeConsumingService/],
      [{ idp: { singleSignOnService: { binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST' } } }, /binding/],
      [{ nonsense: 1 }, /nonsense/],
    ];
    for (const [value, name] of refused) {
      const faults = faultsOf(environment(raw(value)));
      expect(faults.map(({ setting }) => setting)).toEqual(['SAML_RAW_JSON_SETTINGS']);
      expect(faults[0]!.problem).toMatch(name);
    }
  });
});
