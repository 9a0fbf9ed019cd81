import { describe, expect, test } from 'vitest';
import { readMessage, type XmlNode } from '../../src/adapters/login/saml-message.js';
import { personOf } from '../../src/adapters/login/saml-person.js';

const RULES = { wantAttributes: true, groupsAttribute: 'Groups' };

async function groupsIn(statement: string): Promise<readonly string[]> {
  const xml = `<Assertion xmlns:xsi="x"><AttributeStatement>${statement}</AttributeStatement></Assertion>`;
  const tree = await readMessage(xml);
  return personOf(tree['Assertion'] as unknown as XmlNode, 'alice@example.com', RULES).groups;
}

const groups = (...values: string[]): string => `<Attribute Name="groups">${values.join('')}</Attribute>`;
const value = (content: string): string => `<AttributeValue>${content}</AttributeValue>`;

describe('groups of a SAML assertion', () => {
  test('are read from one attribute or several of that name, whatever its case', async () => {
    expect(await groupsIn(groups(value('b'), value('a')) + groups(value('c')))).toEqual(['a', 'b', 'c']);
    expect(
      await groupsIn('<Attribute Name="GROUPS"><AttributeValue xsi:type="s">a</AttributeValue></Attribute>'),
    ).toEqual(['a']);
    expect(await groupsIn(groups('<AttributeValue xsi:nil="true"/>'))).toEqual([]);
  });

  const leftOut: Record<string, string> = {
    'a value with elements in it': groups(value('a'), value('<NameID>contractors</NameID>')),
    'an encrypted attribute': `${groups(value('a'))}<EncryptedAttribute/>`,
    'a link to the groups': '<Attribute Name="http://schemas.microsoft.com/claims/groups.link"/>',
    'a link under the name of the groups': `${groups(value('a'))}<Attribute Name="Groups.Link"/>`,
    'hasgroups under a name with a namespace': '<Attribute Name="urn:example:hasgroups"/>',
    'names of distributed claims': '<Attribute Name="_claim_names"/>',
    'a name that is too long': groups(value('x'.repeat(300))),
  };
  for (const [name, statement] of Object.entries(leftOut)) {
    test(`are refused when some may be left out: ${name}`, async () => {
      await expect(groupsIn(statement)).rejects.toThrow(/groups|encrypted/);
    });
  }
});
