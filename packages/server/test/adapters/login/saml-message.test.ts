import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { inflateMessage, readMessage, readResponse } from '../../../src/adapters/login/saml-message.js';
import { samlProvider } from '../../../src/adapters/login/saml.js';
import { makeKeyPair } from '../../login/saml-idp.js';

const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';

describe('hostile SAML messages', () => {
  // The sizes are such that quadratic work would not end within a test's time limit.
  test('a message is refused at its first malformed tag, however many follow', async () => {
    for (const xml of ['<'.repeat(250_000), `<a>${'<a '.repeat(80_000)}`, `<a ${'x'.repeat(250_000)}`]) {
      await expect(readMessage(xml)).rejects.toThrow('the message has a malformed tag');
    }
  });

  test('a message is refused if its quotes and values could hide other tags from a parser', async () => {
    for (const tag of [
      '<a b="<c>">',
      '<a ">">',
      '<a b=/>',
      '<a b="/>',
      '<a b=\'">',
      '<a></a ">">',
      '<a b= >',
      '<a b=',
    ]) {
      await expect(readMessage(tag)).rejects.toThrow('the message has a malformed tag');
    }
    await expect(readMessage('</a><a></a>')).rejects.toThrow('closes what it did not open');
  });

  test('a message that is nested too deeply is refused, even if every tag seems to close itself', async () => {
    for (const tag of ['<a>', '<a b="/>">', "<a b='/>'>", '<a b = "/" >']) {
      await expect(readMessage(tag.repeat(41))).rejects.toThrow('nested too deeply');
    }
  });

  test('a message with quotes, `>` and empty elements in valid places is read', async () => {
    const tree = await readMessage('<?xml version="1.0"?>\n<a b="/>" c = \'">\'><d e="="/><f>1 > 0 = "x"</f></a>');
    expect(tree['a']).toMatchObject({ $: { b: '/>', c: '">' }, f: [{ _: '1 > 0 = "x"' }] });
  });

  test('a message with thousands of unclosed encrypted assertions is refused', async () => {
    const many = '<EncryptedAssertion />'.repeat(10_000);
    const xml = `<Response><x>${many}</x><EncryptedAssertion /></Response>`;
    await expect(readResponse(Buffer.from(xml).toString('base64'), 'a key')).rejects.toThrow(
      'too many elements named EncryptedAssertion',
    );
    const one = '<Response><EncryptedAssertion /></Response>';
    await expect(readResponse(Buffer.from(one).toString('base64'), 'a key')).rejects.toThrow('is empty');
  });

  test('a message over 256 KB is refused before it is read, and a thousand groups are well below that', async () => {
    await expect(readMessage('<'.repeat(256 * 1024 + 1))).rejects.toThrow('too large');
    const group = '<saml:AttributeValue>cn=a-team-with-a-long-name,ou=groups,dc=example,dc=com</saml:AttributeValue>';
    await readMessage(`<a xmlns:saml="s">${group.repeat(1000)}</a>`);
  });

  test('a redirect that inflates to more than 64 KB is refused', async () => {
    const packed = (length: number): string => deflateRawSync(Buffer.alloc(length, '<')).toString('base64');
    expect(await inflateMessage(packed(65_536))).toHaveLength(65_536);
    await expect(inflateMessage(packed(65_537))).rejects.toThrow();
  });
});

describe('unauthenticated SAML messages', () => {
  test('a message is not even inflated without a login of this browser or the signature of the provider', async () => {
    const { cert } = await makeKeyPair('idp');
    const provider = samlProvider(
      {
        entityId: 'https://sp.example',
        consumeUrl: 'https://sp.example/v1/saml/consume',
        logoutUrl: 'https://sp.example/v1/saml/logout',
        audiences: [],
        key: undefined,
        certificates: [],
        signatureAlgorithm: 'sha256',
        sign: { requests: false, logoutRequests: false, logoutResponses: false, metadata: false },
        nameIdFormat: null,
        authnContexts: null,
        authnContextComparison: 'exact',
        idp: {
          entityId: 'https://idp.example',
          signOnUrl: 'https://idp.example/sso',
          logoutUrl: '',
          certificates: [cert],
        },
        want: {
          messagesSigned: true,
          assertionsSigned: false,
          assertionsEncrypted: false,
          logoutSigned: false,
          attributes: false,
        },
        allowIdpInitiated: false,
        groupsAttribute: 'groups',
      },
      () => Date.now() / 1000,
    );
    const causeOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'accepted',
        (error: Error) => (error.cause as Error).message,
      );
    // These are neither deflated nor XML, so code that looked inside would report that.
    expect(await causeOf(provider.consume('not a message', undefined))).toBe('no login was begun in this browser');
    const signed = `SAMLRequest=none&SigAlg=${encodeURIComponent(RSA_SHA256)}&Signature=AAAA`;
    expect(await causeOf(provider.receiveLogout(signed))).toMatch(/signature of the redirect/);
    expect(await causeOf(provider.receiveLogout('SAMLRequest=none&SigAlg=none&Signature=AAAA'))).toMatch(/too weak/);
  });
});
