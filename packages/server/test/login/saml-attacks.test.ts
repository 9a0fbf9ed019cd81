import { createPublicKey } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKeyPair, type Saying } from './saml-idp.js';
import { type SamlSite, startSamlSite } from './saml-site.js';
import { flowCookie, type Visit, Visitor } from './visitor.js';

let site: SamlSite;
/** Like `site`, but the assertion must be signed instead of the response. */
let assertionSite: SamlSite;
beforeAll(async () => {
  site = await startSamlSite();
  assertionSite = await startSamlSite({
    SAML_SECURITY_MESSAGES_SIGNED: 'false',
    SAML_SECURITY_ASSERTIONS_SIGNED: 'true',
  });
});
afterAll(async () => {
  await site?.stop();
  await assertionSite?.stop();
});

function expectRefused(visit: Visit, target: SamlSite = site, reason?: string | RegExp): void {
  expect([visit.status, visit.headers.get('x-confidant-error'), visit.text]).toEqual([
    401,
    'login_failed',
    '{"error":"The login could not be completed. Start again."}',
  ]);
  expect(visit.headers.getSetCookie().some((cookie) => cookie.startsWith('confidant_session='))).toBe(false);
  if (reason !== undefined) expect(lastFailure(target)).toMatch(reason);
}

function lastFailure(target: SamlSite): string {
  return (
    target.confidant
      .log()
      .trimEnd()
      .split('\n')
      .filter((line) => line.includes('a login failed'))
      .at(-1) ?? ''
  );
}

const ASSERTION = /<saml:Assertion .*<\/saml:Assertion>/s;
const SIGNATURE = /<Signature .*?<\/Signature>/s;
const signatureOf = (xml: string): string => SIGNATURE.exec(xml)![0];
/** The assertion that an attacker wants accepted: unsigned, under another id, for somebody else. */
const evil = (assertion: string): string =>
  assertion
    .replace(SIGNATURE, '')
    .replace(/ ID="[^"]+"/, ' ID="_evil"')
    .replace('Alice@Example.com', 'root@example.com');
/** Puts something into a signature, where schemas allow anything. */
const inObject = (signature: string, content: string): string =>
  signature.replace('</Signature>', `<Object>${content}</Object></Signature>`);

describe('the SAML responses of these tests, without changes,', () => {
  test('log in', async () => {
    expect((await site.login()).status).toBe(302);
    expect((await assertionSite.login({ signResponse: false, signAssertion: true })).status).toBe(302);
  });
});

describe('SAML refuses signature wrapping of a signed response:', () => {
  const wrappings: Record<string, (xml: string) => string> = {
    'XSW1: the original inside the signature of a new response': (xml) => {
      const signature = signatureOf(xml);
      const forged = xml.replace(SIGNATURE, '').replace(/ ID="[^"]+"/, ' ID="_evil_response"');
      return forged
        .replace(ASSERTION, (assertion) => evil(assertion))
        .replace('<samlp:Status>', `${inObject(signature, xml.replace(SIGNATURE, ''))}<samlp:Status>`);
    },
    'XSW2: the original beside the signature of a new response': (xml) => {
      const signature = signatureOf(xml);
      const forged = xml.replace(SIGNATURE, '').replace(/ ID="[^"]+"/, ' ID="_evil_response"');
      return forged
        .replace(ASSERTION, (assertion) => evil(assertion))
        .replace('<samlp:Status>', `${xml.replace(SIGNATURE, '')}${signature}<samlp:Status>`);
    },
    'the same id twice': (xml) =>
      xml.replace(ASSERTION, (assertion) => evil(assertion)).replace('</samlp:Response>', `${xml}</samlp:Response>`),
    'a changed assertion under the old signature': (xml) => xml.replace('Alice@Example.com', 'root@example.com'),
  };
  for (const [name, wrap] of Object.entries(wrappings)) {
    test(name, async () => expectRefused(await site.login({}, wrap), site, /signature/i));
  }
});

describe('SAML refuses signature wrapping of a signed assertion:', () => {
  const wrappings: Record<string, (assertion: string) => string> = {
    'XSW3: a new assertion before the original': (original) => evil(original) + original,
    'XSW4: the original inside a new assertion': (original) =>
      evil(original).replace('</saml:Assertion>', `${original}</saml:Assertion>`),
    'XSW5: the signature in a new assertion, the original after it': (original) =>
      evil(original).replace('</saml:Issuer>', `</saml:Issuer>${signatureOf(original)}`) +
      original.replace(SIGNATURE, ''),
    'XSW6: the original inside the signature of a new assertion': (original) =>
      evil(original).replace(
        '</saml:Issuer>',
        `</saml:Issuer>${inObject(signatureOf(original), original.replace(SIGNATURE, ''))}`,
      ),
    'XSW7: a new assertion in extensions before the original': (original) =>
      `<samlp:Extensions>${evil(original)}</samlp:Extensions>${original}`,
    'XSW8: the original in an object of a signature that moved': (original) =>
      evil(original).replace('</saml:Issuer>', `</saml:Issuer>${inObject(signatureOf(original), original)}`),
    'a second signature': (original) => original.replace(SIGNATURE, (signature) => signature + signature),
  };
  for (const [name, wrap] of Object.entries(wrappings)) {
    test(name, async () => {
      const visit = await assertionSite.login({ signResponse: false, signAssertion: true }, (xml) =>
        xml.replace(ASSERTION, (assertion) => wrap(assertion)),
      );
      // XSW7 leaves the signed assertion in its place: then it must be the one that counts.
      if (name.startsWith('XSW7') && visit.status === 302) {
        expect((await visit.visitor.go('/v1/user/email')).text).toBe('{"email":"alice@example.com"}');
      } else {
        expectRefused(visit, assertionSite, /signature/i);
      }
    });
  }
});

describe('SAML refuses messages', () => {
  test('without a signature where the response must be signed', async () => {
    expectRefused(await site.login({ signResponse: false }), site, /signature/);
    expectRefused(await site.login({ signResponse: false, signAssertion: true }), site, /signature/);
  });

  test('without a signature where the assertion must be signed', async () => {
    expectRefused(await assertionSite.login({ signResponse: false }), assertionSite, /signature/);
    expectRefused(await assertionSite.login({ signResponse: true, signAssertion: false }), assertionSite, /signature/);
  });

  test('without any signature even where neither must be signed', async () => {
    const lax = await startSamlSite({ SAML_SECURITY_MESSAGES_SIGNED: 'false', SAML_ALLOW_UNSIGNED: 'true' });
    expectRefused(await lax.login({ signResponse: false }), lax, /signature/);
    expect((await lax.login({ signResponse: false, signAssertion: true })).status).toBe(302);
    await lax.stop();
  });

  test('signed by another key, even with its certificate inside', async () => {
    expectRefused(await site.login({ by: await makeKeyPair('evil') }), site, /signature/);
  });

  test('signed with RSA-SHA1, SHA-1 digests, or an HMAC whose key is the public certificate', async () => {
    expectRefused(await site.login({ signatureAlgorithm: 'rsa-sha1' }), site, /SignatureMethod/);
    expectRefused(await site.login({ digestAlgorithm: 'sha1' }), site, /DigestMethod/);
    const hmac = (xml: string) =>
      xml.replace('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'http://www.w3.org/2000/09/xmldsig#hmac-sha1');
    expectRefused(await site.login({}, hmac), site, /SignatureMethod/);
  });
});

describe('SAML refuses markup that signature and reader would read differently:', () => {
  test('a comment in NameID', async () => {
    // The signature ignores comments, so it is still valid: only the reader could be misled.
    const forge = (xml: string) => xml.replace('alice@example.com.evil.com', 'alice@example.com<!---->.evil.com');
    expectRefused(await site.login({ nameId: 'alice@example.com.evil.com' }, forge), site, /comment/);
  });

  test('CDATA in NameID', async () => {
    const forge = (xml: string) => xml.replace('alice@example.com.evil.com', '<![CDATA[alice@example.com]]>.evil.com');
    expectRefused(await site.login({ nameId: 'alice@example.com.evil.com' }, forge), site, /CDATA/);
  });

  test('XML entity expansion', async () => {
    const bomb =
      '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>';
    expectRefused(await site.login({}, (xml) => bomb + xml.replace('Alice@Example.com', '&c;')), site, /declaration/);
  });

  test('external entities', async () => {
    const external = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>';
    expectRefused(
      await site.login({}, (xml) => external + xml.replace('Alice@Example.com', '&x;')),
      site,
      /declaration/,
    );
  });

  test('a message that is nested too deeply, or is not XML', async () => {
    expectRefused(await site.login({}, () => '<a>'.repeat(5000) + '</a>'.repeat(5000)), site, /nested/);
    expectRefused(await site.login({}, () => 'no xml'), site);
    expectRefused(await site.login({}, () => ''), site);
  });
});

describe('SAML refuses genuine assertions in the wrong place:', () => {
  const wrong: Record<string, [Saying, RegExp]> = {
    'for another audience': [{ audience: 'https://other.example/metadata' }, /audience/],
    'for another destination': [{ destination: 'https://other.example/consume' }, /destination/],
    'for another recipient': [{ recipient: 'https://other.example/consume' }, /recipient/],
    'of another issuer': [{ issuer: 'https://other.example/idp' }, /issuer/],
    expired: [{ lifetimeInSeconds: -400 }, /expired/],
    'in answer to another request': [{ inResponseTo: '_another' }, /another request/],
    'in answer to nothing': [{ inResponseTo: undefined }, /no login was begun|another request/],
    'without attributes, where they are demanded': [{ attributes: {} }, /attributes/],
    'for two addresses': [{ nameId: 'alice@example.com,root@example.com' }, /e-mail/],
  };
  for (const [name, [saying, reason]] of Object.entries(wrong)) {
    test(name, async () => expectRefused(await site.login(saying), site, reason));
  }

  test('a confirmation for another request than that of its envelope', async () => {
    // Only the assertion is signed, so an attacker can adapt the envelope.
    const visitor = new Visitor(assertionSite.confidant.url);
    const requestId = await assertionSite.begin(visitor);
    const xml = await assertionSite.idp.say({ inResponseTo: '_theirs', signResponse: false, signAssertion: true });
    const forged = xml.replace('InResponseTo="_theirs"', `InResponseTo="${requestId}"`);
    expect(forged).toContain('InResponseTo="_theirs"');
    expectRefused(await assertionSite.consume(visitor, forged), assertionSite, /another request/);
  });
});

describe('SAML refuses replays:', () => {
  test('the same response again in the same browser', async () => {
    const visitor = new Visitor(site.confidant.url);
    const xml = await site.idp.say({ inResponseTo: await site.begin(visitor) });
    const flow = flowCookie(visitor);
    expect((await site.consume(visitor, xml)).status).toBe(302);
    expectRefused(await site.consume(visitor, xml), site, /no login was begun/);
    // Restoring the cookie of the login does not help: the login has ended.
    visitor.jar().set(...flow);
    expectRefused(await site.consume(visitor, xml), site, /no login was begun/);
  });

  test('a response in another browser', async () => {
    const xml = await site.idp.say({ inResponseTo: await site.begin(new Visitor(site.confidant.url)) });
    const victim = new Visitor(site.confidant.url);
    expectRefused(await site.consume(victim, xml), site, /no login was begun/);
    await site.begin(victim);
    expectRefused(await site.consume(victim, xml), site, /another request/);
  });

  test('an assertion that was used before, where the provider may start logins', async () => {
    const open = await startSamlSite({ SAML_ALLOW_IDP_INITIATED: 'true' });
    const xml = await open.idp.say({});
    expect((await open.consume(new Visitor(open.confidant.url), xml)).status).toBe(302);
    expectRefused(await open.consume(new Visitor(open.confidant.url), xml), open, /used before/);
    await open.stop();
  });

  test('a login that the provider started, unless a setting allows it', async () => {
    expectRefused(
      await site.consume(new Visitor(site.confidant.url), await site.idp.say({})),
      site,
      /no login was begun/,
    );
  });
});

describe('open redirects', () => {
  for (const target of [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    '/v1/saml/logout',
  ]) {
    test(`RelayState ${target} leads to the home page`, async () => {
      const visitor = new Visitor(site.confidant.url);
      const xml = await site.idp.say({ inResponseTo: await site.begin(visitor) });
      const visit = await site.consume(visitor, xml, target);
      expect([visit.status, visit.location]).toEqual([302, '/']);
    });
  }

  test('RelayState with a path of this server leads there', async () => {
    const visitor = new Visitor(site.confidant.url);
    const xml = await site.idp.say({ inResponseTo: await site.begin(visitor) });
    expect((await site.consume(visitor, xml, '/services/web?tab=keys')).location).toBe('/services/web?tab=keys');
  });
});

describe('SAML messages that would take long to search are refused first', () => {
  const many = (count: number, unit: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => unit(index)).join('');
  const inside: Record<string, [content: string, reason: RegExp]> = {
    siblings: [many(30_000, () => '<a/>'), /too many children/],
    'siblings below different parents': [many(30, () => `<b>${'<a/>'.repeat(1000)}</b>`), /too many elements/],
    ids: [many(1000, (index) => `<a ID="_${index}"/>`), /too many ids/],
    attributes: [`<a ${many(5000, (index) => `b${index}="" `)}/>`, /too many attributes/],
    'attributes of many elements': [
      many(1000, () => `<a ${many(15, (index) => `b${index}="" `)}/>`),
      /too many attributes/,
    ],
    namespaces: [many(1000, (index) => `<a xmlns:n${index}="u"/>`), /too many namespace prefixes/],
    'signatures with a prefix of their own': [
      many(50, () => '<x:Signature xmlns:x="http://www.w3.org/2000/09/xmldsig#"/>'),
      /too many elements named Signature/,
    ],
    references: [many(50, () => '<Reference/>'), /too many elements named Reference/],
    transforms: [many(50, () => '<Transform/>'), /too many elements named Transform/],
    'encrypted data': [many(50, () => '<EncryptedData/>'), /too many elements named EncryptedData/],
    'an XPath in the address of a key': [`<RetrievalMethod URI="#x' or count(//*)>0 or '"/>`, /quotes in a URI/],
  };
  for (const [name, [content, reason]] of Object.entries(inside)) {
    test(name, async () => {
      const forge = (xml: string) => xml.replace('<samlp:Status>', `${content}<samlp:Status>`);
      expectRefused(await site.login({}, forge), site, reason);
    });
  }

  test('many siblings inside an encrypted assertion, which any client can encrypt, are refused', async () => {
    const sp = await makeKeyPair('confidant');
    const target = await startSamlSite({}, sp);
    const publicKey = createPublicKey(sp.cert).export({ type: 'spki', format: 'pem' }) as string;
    const attributes = { groups: Array.from({ length: 2000 }, (_, index) => `group ${index}`) };
    expectRefused(await target.login({ attributes, encryptFor: { ...sp, publicKey } }), target, /too many children/);
    await target.stop();
  });

  test('many siblings in an unsigned logout message are refused', async () => {
    const lax = await startSamlSite({ SAML_SECURITY_SLO_RESP_SIGNED: 'false' });
    const xml = `<LogoutResponse>${'<a/>'.repeat(15_000)}</LogoutResponse>`;
    const message = encodeURIComponent(deflateRawSync(Buffer.from(xml)).toString('base64'));
    const visit = await new Visitor(lax.confidant.url).go(`/v1/saml/logout?SAMLResponse=${message}`);
    expect([visit.status, lastFailure(lax)]).toEqual([401, expect.stringMatching(/too many children/)]);
    await lax.stop();
  });
});

test('a response with a thousand groups logs in, whether they are one attribute or a thousand', async () => {
  const groups = Array.from({ length: 1000 }, (_, index) => `group ${index}`);
  // The attribute is not the one of groups, because the session is in a cookie, which holds fewer groups.
  expect((await site.login({ attributes: { teams: groups } })).status).toBe(302);
  const attributes = Object.fromEntries(groups.map((group) => [group, group]));
  expect((await site.login({ attributes })).status).toBe(302);
});

test('a login that failed three times has ended, even if its cookie is restored', async () => {
  const visitor = new Visitor(site.confidant.url);
  const xml = await site.idp.say({ inResponseTo: await site.begin(visitor) });
  const flow = flowCookie(visitor);
  for (let failure = 0; failure < 3; failure++) {
    visitor.jar().set(...flow);
    expectRefused(await site.consume(visitor, xml.replace('Alice@', 'root@')), site, /signature/i);
  }
  visitor.jar().set(...flow);
  expectRefused(await site.consume(visitor, xml), site, /no login was begun/);
});
