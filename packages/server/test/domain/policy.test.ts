import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../src/adapters/access/parse-policy.js';
import { type AccessRequest, type Acl, type CredentialDescription, noAcl } from '../../src/domain/acl.js';
import { decide, type Rule } from '../../src/domain/policy.js';
import type { Principal } from '../../src/domain/principal.js';

const never: Acl = () => false;

function person(name: string, ...groups: string[]): Principal {
  return { name, type: 'user', account: null, groups, authenticatedBy: 'session' };
}

function service(name: string, account: string | null = null): Principal {
  return { name, type: 'service', account, groups: [], authenticatedBy: 'kms-token' };
}

/** Makes a policy with these rules, which are YAML. */
function allows(rules: string, request: AccessRequest, included: Acl = never, include = false): Promise<boolean> {
  const text = `version: 1\n${include ? 'include: default\n' : ''}rules:\n${rules}`;
  return decide(parsePolicy(text, included), request).then(({ allowed }) => allowed);
}

function describing(known: Record<string, CredentialDescription>): AccessRequest['describe'] & { asked: string[][] } {
  const asked: string[][] = [];
  return Object.assign(
    (ids: readonly string[]) => {
      asked.push([...ids]);
      return Promise.resolve(new Map(ids.flatMap((id) => (known[id] ? [[id, known[id]] as const] : []))));
    },
    { asked },
  );
}

const getC1: Omit<AccessRequest, 'principal'> = { resourceType: 'credential', action: 'get', resourceId: 'c1' };

describe('precedence, for any rules in any order', () => {
  const effects = fc.array(fc.record({ effect: fc.constantFrom('allow', 'deny'), fits: fc.boolean() }), {
    maxLength: 8,
  });
  const asRules = (drawn: { effect: string; fits: boolean }[]): Rule[] =>
    drawn.map(({ effect, fits }, index) => ({
      name: `rule ${index}`,
      effect: effect as Rule['effect'],
      principal: { name: () => fits },
      resource: {},
    }));
  const request: AccessRequest = { principal: person('alice'), ...getC1 };

  test('a matching deny wins; otherwise a matching allow is needed; otherwise the included default decides', async () => {
    await fc.assert(
      fc.asyncProperty(effects, fc.option(fc.boolean(), { nil: undefined }), async (drawn, byDefault) => {
        const { allowed } = await decide(
          {
            rules: asRules(drawn),
            ...(byDefault !== undefined && { otherwise: { name: 'it', acl: () => byDefault } }),
          },
          request,
        );
        const fitting = drawn.filter(({ fits }) => fits).map(({ effect }) => effect);
        const expected = fitting.includes('deny') ? false : fitting.includes('allow') ? true : (byDefault ?? false);
        expect(allowed).toBe(expected);
      }),
    );
  });

  test('the order of the rules does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(
        effects.chain((drawn) => fc.tuple(fc.constant(drawn), fc.shuffledSubarray(drawn, { minLength: drawn.length }))),
        async ([one, other]) => {
          const first = await decide({ rules: asRules(one) }, request);
          const second = await decide({ rules: asRules(other) }, request);
          expect(first.allowed).toBe(second.allowed);
        },
      ),
    );
  });

  test('another deny rule never allows more, and another allow rule never less', async () => {
    await fc.assert(
      fc.asyncProperty(effects, fc.boolean(), async (drawn, fits) => {
        const { allowed } = await decide({ rules: asRules(drawn) }, request);
        const stricter = await decide({ rules: asRules([...drawn, { effect: 'deny', fits }]) }, request);
        const looser = await decide({ rules: asRules([...drawn, { effect: 'allow', fits }]) }, request);
        expect(stricter.allowed && !allowed).toBe(false);
        expect(!looser.allowed && allowed).toBe(false);
      }),
    );
  });

  test('an empty policy denies everything', async () => {
    expect(await decide({ rules: [] }, request)).toEqual({ allowed: false, reason: 'no rule allows it' });
  });
});

describe('principals', () => {
  const rule = (principal: string): string =>
    `  - { name: r, effect: allow, principal: ${principal}, action: get, resource: { type: credential } }\n`;

  test.each([
    ['{ type: user }', person('a'), true],
    ['{ type: user }', service('a'), false],
    ['{ name: "*@example.com" }', person('alice@example.com'), true],
    ['{ name: "*@example.com" }', person('alice@example.com.evil.org'), false],
    ['{ name: alice }', person('Alice'), false],
    ['{ name: [alice, bob] }', person('bob'), true],
    ['{ group: admins }', person('a', 'staff', 'admins'), true],
    ['{ group: admins }', person('a', 'no-admins'), false],
    ['{ group: admins }', person('admins'), false],
    ['{ group: "team-?" }', person('a', 'team-x'), true],
    ['{ account: sandbox }', service('a', 'sandbox'), true],
    ['{ account: "*" }', service('a'), false],
    ['{ type: user, group: admins }', service('a'), false],
    ['{ name: "/svc-[0-9]+/" }', service('svc-12'), true],
    ['{ name: "/svc-[0-9]+/" }', service('xsvc-12'), false],
    ['{ name: "a.c" }', person('abc'), false],
  ])('the principal %s matches %o: %s', async (principal, who, expected) => {
    expect(await allows(rule(principal), { principal: who, ...getC1 })).toBe(expected);
  });
});

describe('resources', () => {
  const rule = (resource: string, effect = 'allow', action = '"*"'): string =>
    `  - { name: r, effect: ${effect}, action: ${action}, resource: ${resource} }\n`;
  const known = describing({ c1: { name: 'Payments DB', tags: ['payments', 'production'] } });
  const principal = person('alice');

  test.each([
    ['{ type: credential, id: c1 }', true],
    ['{ type: credential, id: c2 }', false],
    ['{ type: service }', false],
    ['{ type: [service, credential] }', true],
    ['{ type: "*" }', true],
    ['{ type: credential, name: "Payments *" }', true],
    ['{ type: credential, name: "payments *" }', false],
    ['{ type: credential, tag: production }', true],
    ['{ type: credential, tag: [x, payments] }', true],
    ['{ type: credential, tag: prod }', false],
    ['{ type: credential, tag: production, name: "Web *" }', false],
  ])('the resource %s matches credential c1: %s', async (resource, expected) => {
    expect(await allows(rule(resource), { principal, ...getC1, describe: known })).toBe(expected);
  });

  test('`own` allows a service to read itself, and nothing else', async () => {
    const own = rule('{ type: service, own: true }', 'allow', '[get, metadata]');
    const ask = (resourceId: string, action: AccessRequest['action']): Promise<boolean> =>
      allows(own, { principal: service('web'), resourceType: 'service', action, resourceId });
    expect(await ask('web', 'get')).toBe(true);
    expect(await ask('web', 'update')).toBe(false);
    expect(await ask('other', 'get')).toBe(false);
  });

  test('a new credential is judged by the name and tags that it would have', async () => {
    const tagged = rule('{ type: credential, tag: payments }', 'allow', 'create');
    const ask = (tags: string[]): Promise<boolean> =>
      allows(tagged, { principal, resourceType: 'credential', action: 'create', resource: { name: 'n', tags } });
    expect(await ask(['payments'])).toBe(true);
    expect(await ask(['web'])).toBe(false);
  });

  test('a list is not about one credential, so a rule by tag does not allow it', async () => {
    const tagged = rule('{ type: credential, tag: "*" }');
    expect(await allows(tagged, { principal, resourceType: 'credential', action: 'list', describe: known })).toBe(
      false,
    );
  });

  test('a credential that does not exist has no tags and no name', async () => {
    const request: AccessRequest = { principal, ...getC1, resourceId: 'gone', describe: known };
    expect(await allows(rule('{ type: credential, tag: "*" }'), request)).toBe(false);
    expect(await allows(rule('{ type: credential, name: "*" }'), request)).toBe(false);
  });

  test('names and tags that cannot be looked up deny access, for allow and deny rules alike', async () => {
    const request: AccessRequest = { principal, ...getC1 };
    expect(await allows(rule('{ type: credential, tag: payments }'), request)).toBe(false);
    expect(await allows(rule('{ type: credential, tag: payments }', 'deny'), request, noAcl, true)).toBe(false);
  });

  test('a failed look-up is an error instead of a decision', async () => {
    const failing = { principal, ...getC1, describe: () => Promise.reject(new Error('store down')) };
    await expect(allows(rule('{ type: credential, tag: payments }'), failing)).rejects.toThrow('store down');
  });

  test('tags are looked up only for a rule that matches otherwise', async () => {
    const spy = describing({ c1: { name: 'n', tags: [] } });
    await allows(rule('{ type: credential, id: c1 }'), { principal, ...getC1, describe: spy });
    await allows(rule('{ type: credential, tag: x }', 'deny', 'update'), { principal, ...getC1, describe: spy });
    await allows(rule('{ type: credential, id: c2, tag: x }'), { principal, ...getC1, describe: spy });
    expect(spy.asked).toEqual([]);
    await allows(rule('{ type: credential, tag: x }'), { principal, ...getC1, describe: spy });
    expect(spy.asked).toEqual([['c1']]);
  });
});

describe('credentials that are added to a service', () => {
  const known = describing({
    p1: { name: 'P1', tags: ['payments'] },
    p2: { name: 'P2', tags: ['payments', 'shared'] },
    w1: { name: 'W1', tags: ['web'] },
  });
  const rules = `
  - { name: payments, effect: allow, action: update, resource: { type: service, id: "payments-*" }, adds: { tag: payments } }
  - { name: shared, effect: allow, action: update, resource: { type: service }, adds: { tag: shared } }
`;
  const ask = (service: string, added: string[], more = ''): Promise<boolean> =>
    allows(rules + more, {
      principal: person('alice'),
      resourceType: 'service',
      action: 'update',
      resourceId: service,
      mapping: { ids: [...added, 'old'], added },
      describe: known,
    });

  test('each added credential needs a rule that allows it', async () => {
    expect(await ask('payments-api', ['p1', 'p2'])).toBe(true);
    expect(await ask('payments-api', ['p1', 'w1'])).toBe(false);
    expect(await ask('web', ['p2'])).toBe(true);
    expect(await ask('web', ['p1'])).toBe(false);
    expect(await ask('web', ['p2', 'p1'])).toBe(false);
  });

  test('an unknown credential is allowed by no rule that asks for its tags', async () => {
    expect(await ask('payments-api', ['p1', 'unknown'])).toBe(false);
  });

  test('a rule that denies one of the credentials denies the change', async () => {
    const deny =
      '  - { name: no shared, effect: deny, action: update, resource: { type: service }, adds: { id: p2 } }\n';
    expect(await ask('payments-api', ['p1'], deny)).toBe(true);
    expect(await ask('payments-api', ['p1', 'p2'], deny)).toBe(false);
    expect(await ask('payments-api', [], deny)).toBe(true);
  });

  test('a change that adds nothing is allowed by a rule for additions', async () => {
    expect(await ask('payments-api', [])).toBe(true);
  });

  test('the tags of all added credentials are looked up at once', async () => {
    known.asked.length = 0;
    await ask('payments-api', ['p1', 'p2', 'w1']);
    expect(known.asked).toEqual([['p1', 'p2', 'w1']]);
  });
});

describe('certificates and JWTs', () => {
  const certificates =
    '  - { name: r, effect: allow, action: get, resource: { type: certificate, ca: staging, id: "*.web.test" } }\n';
  const ask = (rules: string, ca: string, cn: string, others: string[], include = false): Promise<boolean> => {
    const certificate = { ca, alternativeNames: others };
    const request: AccessRequest = {
      principal: service('web'),
      resourceType: 'certificate',
      action: 'get',
      resourceId: cn,
      certificate,
    };
    return allows(rules, request, noAcl, include);
  };

  test('the CN and every alternative name must be allowed', async () => {
    expect(await ask(certificates, 'staging', 'a.web.test', [])).toBe(true);
    expect(await ask(certificates, 'staging', 'a.web.test', ['b.web.test'])).toBe(true);
    expect(await ask(certificates, 'staging', 'a.web.test', ['b.web.test', 'bank.test'])).toBe(false);
    expect(await ask(certificates, 'production', 'a.web.test', [])).toBe(false);
  });

  test('one denied alternative name denies', async () => {
    const deny = '  - { name: r, effect: deny, action: get, resource: { type: certificate, id: "bank.test" } }\n';
    expect(await ask(deny, 'staging', 'a.web.test', ['b.web.test', 'bank.test'], true)).toBe(false);
    expect(await ask(deny, 'staging', 'a.web.test', ['b.web.test'], true)).toBe(true);
  });

  test('`own` of a JWT compares the subject, not the caller', async () => {
    const own =
      '  - { name: r, effect: allow, action: get, resource: { type: jwt, own: true, environment: staging } }\n';
    const token = (subject: string | undefined, environment: string): Promise<boolean> =>
      allows(own, {
        principal: person('alice'),
        resourceType: 'jwt',
        action: 'get',
        resourceId: 'alice',
        ...(subject !== undefined && { jwt: { subject, environment } }),
      });
    expect(await token('alice', 'staging')).toBe(true);
    expect(await token('bob', 'staging')).toBe(false);
    expect(await token(undefined, 'staging')).toBe(false);
    expect(await token('alice', 'production')).toBe(false);
  });

  test('a deny rule applies to a JWT whose subject is unknown', async () => {
    const deny = '  - { name: r, effect: deny, action: get, resource: { type: jwt, id: "bank" } }\n';
    const request: AccessRequest = { principal: person('alice'), resourceType: 'jwt', action: 'get' };
    expect(await allows(deny, request, noAcl, true)).toBe(false);
    const own: AccessRequest = { ...request, jwt: { subject: 'alice', environment: 'staging' } };
    expect(await allows(deny, own, noAcl, true)).toBe(true);
  });
});
