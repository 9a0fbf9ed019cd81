/**
 * Short texts that disappear by themselves: sessions, sessions that were ended, assertions that were used. Every method
 * rejects with BackendUnavailable when it gets no answer in time, never with a wrong "absent".
 */
export interface ExpiringStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlSeconds: number): Promise<void>;
  /** Sets what is absent. Of several racers exactly one gets true. */
  add(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Sets what is there; false when it is no longer there. */
  replace(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
