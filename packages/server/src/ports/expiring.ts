/**
 * Short texts that disappear by themselves: sessions, sessions that were ended, assertions that were used. Every method
 * rejects with BackendUnavailable when it gets no response in time, never with a wrong "absent".
 */
export interface ExpiringStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlSeconds: number): Promise<void>;
  /** Sets the value of a key that is absent. When several callers race, exactly one gets true. */
  add(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Replaces the value of a key; false when the key is absent. */
  replace(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
