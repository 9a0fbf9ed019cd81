/** The rights of a grant: KMS operations, as long as the encryption context contains `context`. */
export interface GrantShape {
  operations: readonly string[];
  context: Readonly<Record<string, string>>;
}

/**
 * The grants a service needs on the key of services: one to make tokens from itself, one to read tokens sent to it.
 * compat: once tokens of version 1 are refused, the first is bound to the user type as well.
 */
export function wantedGrants(
  service: string,
  minimumTokenVersion: number,
): { encrypt: GrantShape; decrypt: GrantShape } {
  return {
    encrypt: {
      operations: ['Encrypt', 'Decrypt'],
      context: { from: service, ...(minimumTokenVersion > 1 && { user_type: 'service' }) },
    },
    decrypt: { operations: ['Decrypt'], context: { to: service } },
  };
}

/** Whether `existing` is the `wanted` grant. compat: a grant with another context is not, even if it allows more. */
export function isGrant(existing: GrantShape, wanted: GrantShape): boolean {
  const entries = Object.entries(wanted.context);
  return (
    wanted.operations.every((operation) => existing.operations.includes(operation)) &&
    Object.keys(existing.context).length === entries.length &&
    entries.every(([name, value]) => existing.context[name] === value)
  );
}

/** Whether a grant has the form that {@link wantedGrants} gives for some service. Other grants on the key are not ours. */
export function isServiceGrant(existing: GrantShape): boolean {
  const service = existing.context['from'] ?? existing.context['to'];
  return (
    service !== undefined &&
    [1, 2].some((version) =>
      Object.values(wantedGrants(service, version)).some(
        (shape) => isGrant(existing, shape) && shape.operations.length === existing.operations.length,
      ),
    )
  );
}
