import { emailOf, groupsOf, nameOf, type Person } from '../../domain/person.js';
import { BadSamlMessage, textOf, type XmlNode } from './saml-message.js';

/** How a person is read from an assertion. */
export interface PersonRules {
  wantAttributes: boolean;
  /** The name of the attribute that groups are read from. */
  groupsAttribute: string;
}

/** Beginnings of attribute names that say only which list of names they are from, lower case. */
const NAMESPACES = [
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/',
  'http://schemas.microsoft.com/ws/2008/06/identity/claims/',
  'http://schemas.xmlsoap.org/claims/',
  'urn:mace:dir:attribute-def:',
  'urn:oid:',
  'oid:',
  'user.',
];

// Names in use for the parts of a person, as `plainName` writes them, and the OIDs of X.500 and PKCS #9.
const EMAIL_NAMES = [
  'email',
  'mail',
  'emailaddress',
  'useremail',
  '0.9.2342.19200300.100.1.3',
  '1.2.840.113549.1.9.1',
  'rfc822mailbox',
];
const FIRST_NAMES = ['firstname', 'givenname', '2.5.4.42'];
const LAST_NAMES = ['lastname', 'surname', 'sn', 'familyname', '2.5.4.4'];

/** Last parts of attribute names by which Entra ID says that the groups are to be asked for elsewhere. */
const GROUPS_ELSEWHERE = ['groups.link', 'hasgroups', '_claim_names'];

type Attributes = ReadonlyMap<string, readonly XmlNode[]>;

/**
 * The person that a proven assertion is about.
 *
 * @throws BadSamlMessage when it has no single e-mail address, or when its groups may be incomplete
 */
export function personOf(assertion: XmlNode, nameId: string, rules: PersonRules): Person {
  const attributes = attributesOf(assertion);
  if (rules.wantAttributes && attributes.size === 0) {
    throw new BadSamlMessage('the assertion has no attributes, and SAML_WANT_ATTRIBUTE_STATEMENT demands them');
  }
  const texts = new Map<string, string[]>();
  for (const [name, values] of attributes) {
    const plain = plainName(name);
    texts.set(plain, [...(texts.get(plain) ?? []), ...values.map(textOf).filter((text) => text !== '')]);
  }
  const valuesOf = (names: readonly string[]): string[] =>
    names.map((name) => texts.get(name)).find((values) => values !== undefined && values.length > 0) ?? [];

  // compat: the NameID is the identity. Providers with opaque NameIDs send the address in an attribute.
  const addresses = new Set((nameId.includes('@') ? [nameId] : valuesOf(EMAIL_NAMES)).map(emailOf));
  const [email] = addresses;
  if (email === undefined || addresses.size !== 1) {
    throw new BadSamlMessage('the assertion has no single e-mail address');
  }
  return {
    email,
    firstName: nameOf(valuesOf(FIRST_NAMES)),
    lastName: nameOf(valuesOf(LAST_NAMES)),
    groups: allGroups(attributes, rules.groupsAttribute.toLowerCase()),
  };
}

/** The values by name, in lower case. */
function attributesOf(assertion: XmlNode): Attributes {
  const attributes = new Map<string, XmlNode[]>();
  for (const statement of assertion['AttributeStatement'] ?? []) {
    // It could hold groups.
    if (statement['EncryptedAttribute'] !== undefined) throw new BadSamlMessage('an attribute is encrypted');
    for (const attribute of statement['Attribute'] ?? []) {
      const name = (attribute.$?.['Name'] ?? '').toLowerCase();
      attributes.set(name, [...(attributes.get(name) ?? []), ...(attribute['AttributeValue'] ?? [])]);
    }
  }
  return attributes;
}

function plainName(name: string): string {
  const namespace = NAMESPACES.find((known) => name.startsWith(known)) ?? '';
  return name.slice(namespace.length).replace(/[\s_-]/g, '');
}

/** @throws BadSamlMessage when groups were left out, or are not plain names */
function allGroups(attributes: Attributes, name: string): readonly string[] {
  const isElsewhere = [...attributes.keys()].some(
    (other) => other === `${name}.link` || GROUPS_ELSEWHERE.includes(other.split(/[/:]/).at(-1)!),
  );
  if (isElsewhere) throw new BadSamlMessage('the assertion leaves out groups, and says where else to ask for them');
  const values = attributes.get(name) ?? [];
  const isPlain = values.every(
    (value) => typeof value === 'string' || Object.keys(value).every((key) => key === '_' || key === '$'),
  );
  const groups = isPlain ? groupsOf(values.map(textOf)) : undefined;
  if (groups === undefined) {
    throw new BadSamlMessage('the assertion names too many groups, or groups that are not names');
  }
  return groups;
}
