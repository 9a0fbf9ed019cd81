import type { GrantsBody } from '@confidant/contract';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { asApiError } from '../api/errors.js';
import { configQuery, grantsQuery } from '../api/queries.js';
import { request } from '../api/request.js';
import { Icon } from '../parts/icon.js';
import { FieldError } from '../parts/says.js';

/** Which KMS grants a service has, and the way to those that it lacks. */
export function Grants({ service, mayUpdate }: { service: string; mayUpdate: boolean }) {
  const queries = useQueryClient();
  const { data: config } = useQuery(configQuery);
  const { data, error } = useQuery(grantsQuery(service));
  const [isMaking, setMaking] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const generated = config?.generated;
  if (asApiError(error).code === 'not_authorized') return null;
  const make = async (): Promise<void> => {
    setMaking(true);
    setFailure(undefined);
    try {
      const path = `/v1/grants/${encodeURIComponent(service)}`;
      queries.setQueryData(grantsQuery(service).queryKey, await request<GrantsBody>(path, { method: 'PUT' }));
    } catch (reason) {
      setFailure(reason);
    } finally {
      setMaking(false);
    }
  };
  const grants = data?.grants;
  const missing = grants === undefined ? 0 : [grants.encrypt_grant, grants.decrypt_grant].filter((has) => !has).length;
  return (
    <section>
      <h2>Grants</h2>
      {error !== null && <p className="note">The grants could not be read.</p>}
      {grants !== undefined && (
        <>
          <Grant has={grants.encrypt_grant} yes="It can make tokens of its own." no="No grant to make tokens." />
          <Grant has={grants.decrypt_grant} yes="It can read tokens sent to it." no="No grant to read tokens." />
        </>
      )}
      {missing > 0 &&
        (generated?.kms_auth_manage_grants === false ? (
          <p className="note">Grants are managed elsewhere.</p>
        ) : (
          mayUpdate && (
            <p>
              <button
                className="btn"
                type="button"
                disabled={isMaking || generated?.maintenance_mode === true}
                onClick={() => void make()}
              >
                {isMaking ? 'Making…' : missing === 1 ? 'Make the missing grant' : 'Make the missing grants'}
              </button>
            </p>
          )
        ))}
      {failure !== undefined && <FieldError>{describe(failure, service)}</FieldError>}
    </section>
  );
}

function Grant({ has, yes, no }: { has: boolean; yes: string; no: string }) {
  return (
    <p className="grant">
      <span className={has ? 'good' : 'bad-text'}>
        <Icon name={has ? 'check' : 'cross'} />
      </span>
      {has ? yes : no}
    </p>
  );
}

function describe(error: unknown, service: string): string {
  const { status, code, message } = asApiError(error);
  if (code === 'grants_failed') {
    return `The grants were not made: ${service} is not the name of an IAM role, or KMS refused.`;
  }
  if (code === 'not_authorized') return 'You may not change this service.';
  if (code === 'maintenance') return 'Nothing can be saved during maintenance.';
  if (status === 0 || status === 503) return 'The server or AWS does not answer. Try again in a moment.';
  if (status === 401) return 'Your session has ended.';
  return message;
}
