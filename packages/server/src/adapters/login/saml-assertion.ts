import type { SamlLogin } from '../../ports/login.js';
import { BadSamlMessage, textOf, type XmlNode } from './saml-message.js';
import { type PersonRules, personOf } from './saml-person.js';

/** The rules that an assertion must meet to log someone in. */
export interface AssertionRules extends PersonRules {
  /** The entity id of the identity provider. */
  issuer: string;
  /** The names of this server; the assertion must be for one of them. */
  audiences: readonly string[];
  /** The address that responses are posted to. */
  consumeUrl: string;
  /** The tolerated difference between clocks. */
  clockSkewSeconds: number;
}

const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';

/** Checks that the response is addressed to this server, successful, and the answer to `requestId`. */
export function checkResponse(tree: XmlNode, rules: AssertionRules, requestId: string | undefined): void {
  const response = tree['Response'] as unknown as XmlNode | undefined;
  if (response === undefined) throw new BadSamlMessage('the message is not a response');
  const { Version, Destination, InResponseTo } = response.$ ?? {};
  if (Version !== '2.0') throw new BadSamlMessage('the response is not of SAML 2.0');
  if (Destination !== undefined && Destination !== rules.consumeUrl) {
    throw new BadSamlMessage(`the response is for another destination: ${Destination}`);
  }
  if (InResponseTo !== requestId) throw new BadSamlMessage('the response answers another request');
  const issuer = response['Issuer'];
  if (issuer !== undefined && textOf(issuer[0]) !== rules.issuer) {
    throw new BadSamlMessage(`the response is of another issuer: ${textOf(issuer[0])}`);
  }
  const status = onlyChild(response, 'Status', 'response');
  const code = onlyChild(status, 'StatusCode', 'status').$?.['Value'];
  if (code !== SUCCESS) throw new BadSamlMessage(`the provider refused: ${code ?? 'no status'}`);
}

/**
 * Reads an assertion, already verified to be the provider's, and checks every condition that ties it to this login. The
 * library skips conditions that an assertion does not mention; here they must be there.
 *
 * @param now seconds since 1970
 */
export function readAssertion(
  tree: XmlNode,
  rules: AssertionRules,
  requestId: string | undefined,
  now: number,
): SamlLogin {
  const assertion = tree['Assertion'] as unknown as XmlNode | undefined;
  if (assertion?.$?.['ID'] === undefined) throw new BadSamlMessage('the assertion has no id');
  if (assertion.$['Version'] !== '2.0') throw new BadSamlMessage('the assertion is not of SAML 2.0');
  const issuer = textOf(onlyChild(assertion, 'Issuer', 'assertion'));
  if (issuer !== rules.issuer) throw new BadSamlMessage(`the assertion is of another issuer: ${issuer}`);

  const conditions = onlyChild(assertion, 'Conditions', 'assertion');
  const conditionsEnd = checkPeriod(conditions, rules, now, 'the conditions');
  const restrictions = conditions['AudienceRestriction'] ?? [];
  if (restrictions.length === 0) throw new BadSamlMessage('the assertion names no audience');
  for (const restriction of restrictions) {
    const audiences = (restriction['Audience'] ?? []).map(textOf);
    if (!audiences.some((audience) => rules.audiences.includes(audience))) {
      throw new BadSamlMessage(`the assertion is for another audience: ${audiences.join(', ')}`);
    }
  }

  const subject = onlyChild(assertion, 'Subject', 'assertion');
  const confirmationEnd = confirmedUntil(subject['SubjectConfirmation'] ?? [], rules, requestId, now);

  const statement = onlyChild(assertion, 'AuthnStatement', 'assertion');
  const sessionEnd = statement.$?.['SessionNotOnOrAfter'];
  if (sessionEnd !== undefined && secondsOf(sessionEnd) + rules.clockSkewSeconds <= now) {
    throw new BadSamlMessage('the session at the provider is over');
  }

  const nameIds = subject['NameID'] ?? [];
  const nameId = textOf(nameIds[0]);
  if (nameIds.length !== 1 || nameId === '') throw new BadSamlMessage('the subject has no name');
  return {
    person: personOf(assertion, nameId, rules),
    subject: {
      nameId,
      nameIdFormat: nameIds[0]?.$?.['Format'] ?? null,
      sessionIndex: statement.$?.['SessionIndex'] ?? null,
    },
    assertionId: assertion.$['ID'],
    expiresAt: Math.max(conditionsEnd, confirmationEnd) + rules.clockSkewSeconds,
  };
}

/** Checks the confirmations, of which one has to hold. @returns when it ends, in seconds since 1970 */
function confirmedUntil(
  confirmations: readonly XmlNode[],
  rules: AssertionRules,
  requestId: string | undefined,
  now: number,
): number {
  let problem = new BadSamlMessage('the subject is not confirmed');
  for (const confirmation of confirmations) {
    try {
      return checkConfirmation(confirmation, rules, requestId, now);
    } catch (error) {
      if (!(error instanceof BadSamlMessage)) throw error;
      problem = error;
    }
  }
  throw problem;
}

/** @returns when it ends, in seconds since 1970 */
function checkConfirmation(
  confirmation: XmlNode,
  rules: AssertionRules,
  requestId: string | undefined,
  now: number,
): number {
  if (confirmation.$?.['Method'] !== BEARER) throw new BadSamlMessage('the confirmation is of another method');
  const data = onlyChild(confirmation, 'SubjectConfirmationData', 'confirmation');
  const { Recipient, InResponseTo } = data.$ ?? {};
  if (Recipient !== rules.consumeUrl) {
    throw new BadSamlMessage(`the confirmation is for another recipient: ${Recipient ?? 'none'}`);
  }
  if (InResponseTo !== requestId) throw new BadSamlMessage('the confirmation answers another request');
  return checkPeriod(data, rules, now, 'the confirmation');
}

/** @returns when the period ends, in seconds since 1970 */
function checkPeriod(node: XmlNode, { clockSkewSeconds }: AssertionRules, now: number, what: string): number {
  const { NotBefore, NotOnOrAfter } = node.$ ?? {};
  if (NotOnOrAfter === undefined) throw new BadSamlMessage(`${what} never end`);
  if (NotBefore !== undefined && secondsOf(NotBefore) - clockSkewSeconds > now) {
    throw new BadSamlMessage(`${what} hold only later: ${NotBefore}`);
  }
  const end = secondsOf(NotOnOrAfter);
  if (end + clockSkewSeconds <= now) throw new BadSamlMessage(`${what} expired: ${NotOnOrAfter}`);
  return end;
}

/** The only child of that name. Two of them would be an attempt to have one checked and the other read. */
function onlyChild(node: XmlNode, name: string, of: string): XmlNode {
  const children = node[name] ?? [];
  if (children.length !== 1) throw new BadSamlMessage(`the ${of} has ${children.length} times ${name}`);
  return children[0]!;
}

function secondsOf(text: string): number {
  const milliseconds = Date.parse(text);
  if (!/^\d{4}-\d{2}-\d{2}T/.test(text) || Number.isNaN(milliseconds)) throw new BadSamlMessage('a date is unreadable');
  return milliseconds / 1000;
}
