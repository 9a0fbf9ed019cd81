import type { AccessRequest, Acl, CredentialDescription } from './acl.js';
import type { Pattern } from './patterns.js';

/** A condition on a credential. Every pattern must match; `tag` matches when one of the tags does. */
export interface CredentialCondition {
  id?: Pattern;
  name?: Pattern;
  tag?: Pattern;
}

/** One rule. A part that is left out matches everything. */
export interface Rule {
  name: string;
  effect: 'allow' | 'deny';
  principal: {
    type?: 'user' | 'service';
    name?: Pattern;
    /** One of the groups matches. */
    group?: Pattern;
    account?: Pattern;
  };
  actions?: ReadonlySet<string>;
  resource: CredentialCondition & {
    types?: ReadonlySet<string>;
    /** The resource's id is the principal's name. */
    own?: boolean;
    /** The CA that a certificate is asked of. */
    ca?: Pattern;
    /** The environment that a JWT is for. */
    environment?: Pattern;
  };
  /**
   * A condition on the credentials that a change of a service adds to it, each checked on its own: every one of them
   * needs a rule that allows it, and none may have a rule that denies it. An allowing rule with `adds` also allows a
   * change that adds nothing.
   */
  adds?: CredentialCondition;
}

export interface Policy {
  rules: readonly Rule[];
  /** The policy to ask when no rule decides; without one, the request is denied. */
  otherwise?: { name: string; acl: Acl };
}

export interface Decision {
  allowed: boolean;
  /** An explanation for people: the rule that decided, or that none did. */
  reason: string;
}

/**
 * Decides by the rules: a rule that denies wins over all that allow, in any order, and what no rule allows is denied.
 * Names and tags are looked up only when a rule that fits so far has a condition on them. A credential that cannot be
 * looked up is denied: a denying rule with a condition on it counts as fitting, an allowing one as not. Rejects when
 * the look-up does.
 */
export async function decide(policy: Policy, request: AccessRequest): Promise<Decision> {
  const fitting = policy.rules.filter((rule) => fitsWithoutLookUp(rule, request));
  const added = addedIds(request);
  const resource = fitting.some(({ resource: { name, tag } }) => name ?? tag)
    ? await describeResource(request)
    : undefined;
  const lookUp = added.length > 0 && fitting.some(({ adds }) => adds?.name ?? adds?.tag);
  const described = lookUp ? await request.describe?.(added) : undefined;

  let decision: Decision | undefined;
  for (const id of added.length > 0 ? added : [undefined]) {
    const credential: Known | undefined =
      id === undefined
        ? undefined
        : { id, described: lookUp && described ? (described.get(id) ?? 'absent') : undefined };
    decision = await evaluate(policy, request, fitting, resource, credential);
    if (!decision.allowed) return decision;
  }
  return decision!;
}

/** A credential and its description; undefined if it could not be looked up. */
interface Known {
  id: string;
  described: CredentialDescription | 'absent' | undefined;
}

async function evaluate(
  policy: Policy,
  request: AccessRequest,
  fitting: readonly Rule[],
  resource: Known | undefined,
  added: Known | undefined,
): Promise<Decision> {
  const about = added === undefined ? '' : ` (adding ${added.id})`;
  const fits = (rule: Rule): boolean => fitsResource(rule, resource) && fitsAdded(rule, added);
  const denying = fitting.find((rule) => rule.effect === 'deny' && fits(rule));
  if (denying) return { allowed: false, reason: `denied by rule "${denying.name}"${about}` };
  const allowing = fitting.find((rule) => rule.effect === 'allow' && fits(rule));
  if (allowing) return { allowed: true, reason: `allowed by rule "${allowing.name}"${about}` };
  const { otherwise } = policy;
  if (otherwise === undefined) return { allowed: false, reason: `no rule allows it${about}` };
  const allowed = (await otherwise.acl(request)) === true;
  return { allowed, reason: `no rule decides, ${otherwise.name} ${allowed ? 'allows' : 'denies'} it${about}` };
}

/** Whether a rule fits, as far as the request shows without looking up names and tags. */
function fitsWithoutLookUp({ effect, principal: who, actions, resource }: Rule, request: AccessRequest): boolean {
  const { principal, resourceType, action, certificate, jwt } = request;
  if (actions && !actions.has(action)) return false;
  if (resource.types && !resource.types.has(resourceType)) return false;
  if (who.type && who.type !== principal.type) return false;
  if (who.name && !who.name(principal.name)) return false;
  if (who.group && !principal.groups.some(who.group)) return false;
  if (who.account && (principal.account === null || !who.account(principal.account))) return false;
  if (resource.ca && (certificate === undefined || !resource.ca(certificate.ca))) return false;
  if (resource.environment && (jwt === undefined || !resource.environment(jwt.environment))) return false;
  const { own, id } = resource;
  if (!own && !id) return true;
  const subjects = subjectsOf(request);
  // With unknown subjects, denying rules fit and allowing rules do not.
  if (subjects === undefined) return effect === 'deny';
  const fits = (subject: string): boolean => (!own || subject === principal.name) && (!id || id(subject));
  return effect === 'deny' ? subjects.some(fits) : subjects.length > 0 && subjects.every(fits);
}

/**
 * The ids that a request is about: the CN and alternative names of a certificate, all of which one rule must cover; the
 * subject of a JWT; otherwise the resource, if there is one. Undefined if they are unknown.
 */
function subjectsOf({ resourceType, resourceId, certificate, jwt }: AccessRequest): readonly string[] | undefined {
  if (resourceType === 'jwt') return jwt && [jwt.subject];
  if (resourceId === undefined) return [];
  return resourceType === 'certificate' ? [resourceId, ...(certificate?.alternativeNames ?? [])] : [resourceId];
}

function fitsResource({ effect, resource: { name, tag } }: Rule, known: Known | undefined): boolean {
  return (
    !(name ?? tag) ||
    fitsDescription(
      effect,
      { ...(name !== undefined && { name }), ...(tag !== undefined && { tag }) },
      known?.described,
    )
  );
}

function fitsAdded({ effect, adds }: Rule, added: Known | undefined): boolean {
  if (adds === undefined) return true;
  // Nothing is added, so there is nothing to deny, and an allowing rule covers everything.
  if (added === undefined) return effect === 'allow';
  if (adds.id && !adds.id(added.id)) return false;
  return !(adds.name ?? adds.tag) || fitsDescription(effect, adds, added.described);
}

function fitsDescription(
  effect: Rule['effect'],
  { name, tag }: CredentialCondition,
  known: Known['described'],
): boolean {
  if (known === undefined) return effect === 'deny';
  // A credential that does not exist has neither name nor tags.
  if (known === 'absent') return false;
  return (!name || name(known.name)) && (!tag || known.tags.some(tag));
}

async function describeResource(request: AccessRequest): Promise<Known | undefined> {
  const { resourceId: id, resource, describe } = request;
  if (resource) return { id: id ?? '', described: resource };
  // A list or a hint is not about one credential.
  if (id === undefined) return { id: '', described: 'absent' };
  return { id, described: describe && ((await describe([id])).get(id) ?? 'absent') };
}

function addedIds({ resourceType, mapping }: AccessRequest): readonly string[] {
  return resourceType === 'service' ? (mapping?.added ?? []) : [];
}
