import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { asApiError } from '../api/errors.js';
import { addToService } from '../api/map.js';
import { configQuery, servicesOfQuery, servicesQuery } from '../api/queries.js';
import { isServiceName } from '../api/service-name.js';
import { Icon } from './icon.js';
import { Picker } from './picker.js';
import { FieldError } from './says.js';
import { toast } from './toast.js';
import { count } from './when.js';

type Kind = 'credentials' | 'blind_credentials';

/** The services that get a credential, and the way to one more. */
export function UsedBy({ kind, id, name }: { kind: Kind; id: string; name: string }) {
  const queries = useQueryClient();
  const services = useQuery(servicesOfQuery(kind, id));
  const [isPicking, setPicking] = useState(false);
  const [isSaving, setSaving] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const used = services.data?.services ?? [];
  const map = async (service: string): Promise<void> => {
    setPicking(false);
    setSaving(true);
    setFailure(undefined);
    try {
      await addToService(service, kind, id);
      toast(`${service} gets ${name} the next time it fetches.`);
    } catch (error) {
      setFailure(error);
    } finally {
      setSaving(false);
      void queries.invalidateQueries({ queryKey: ['service', service] });
      void queries.invalidateQueries({ queryKey: ['services of', kind, id] });
      void queries.invalidateQueries({ queryKey: ['services'] });
    }
  };
  return (
    <section className="anchor">
      <h2>Used by {services.data !== undefined && <span className="quiet">{count(used.length, 'service')}</span>}</h2>
      {services.isError && <p className="note">The services could not be read.</p>}
      {services.data !== undefined && used.length === 0 && <p className="soft">Nothing gets these values yet.</p>}
      <ul>
        {used.map((service) => (
          <li key={service.id}>
            <Link className="link" to="/services/$id" params={{ id: service.id }}>
              {service.id}
            </Link>
            {!service.enabled && <span className="right quiet">disabled</span>}
          </li>
        ))}
      </ul>
      <p>
        <button className="btn plain hang" type="button" disabled={isSaving} onClick={() => setPicking(true)}>
          <Icon name="plus" />
          {isSaving ? 'Mapping…' : 'Map to a service'}
        </button>
      </p>
      {failure !== undefined && <FieldError>{describeRefusal(failure)}</FieldError>}
      {isPicking && (
        <ServicePicker
          has={new Set(used.map((service) => service.id))}
          onChoose={(service) => void map(service)}
          onClose={() => setPicking(false)}
        />
      )}
    </section>
  );
}

interface ServicePickerProps {
  has: ReadonlySet<string>;
  onChoose: (service: string) => void;
  onClose: () => void;
}

export function ServicePicker({ has, onChoose, onClose }: ServicePickerProps) {
  const list = useInfiniteQuery(servicesQuery);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const { data: config } = useQuery(configQuery);
  const services = list.data?.pages.flatMap((page) => page.services) ?? [];
  const mayCreate = config?.generated.permissions.services.create === true;
  return (
    <Picker
      label="Map to a service"
      isReading={list.isPending || hasNextPage}
      choices={services.map((service) => ({
        id: service.id,
        name: service.id,
        text: service.id.toLowerCase(),
        ...(has.has(service.id) ? { note: 'already mapped', isOff: true } : !service.enabled && { note: 'disabled' }),
      }))}
      offer={(words) =>
        mayCreate && isServiceName(words) && !services.some(({ id }) => id === words)
          ? { id: words, name: words, note: 'new service', text: words }
          : undefined
      }
      onChoose={(choice) => onChoose(choice.id)}
      onClose={onClose}
    />
  );
}

export function describeRefusal(error: unknown): string {
  const { status, code, message, conflicts } = asApiError(error);
  if (conflicts !== undefined) return `It already gets ${Object.keys(conflicts).join(', ')} from another credential.`;
  if (code === 'not_authorized') return 'You may not change this service.';
  if (code === 'maintenance') return 'Nothing can be saved during maintenance.';
  if (code === 'write_conflict') return 'Somebody else keeps changing it. Look at it again.';
  if (status === 0) return 'No answer came: look whether it was saved before you try again.';
  if (status === 401) return 'Your session has ended.';
  return message;
}
