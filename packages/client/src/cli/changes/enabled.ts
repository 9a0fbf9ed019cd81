/** What `--enabled` and `--disabled` ask for together; undefined if neither was given. */
export function enabledOf(options: { enabled: boolean; disabled: boolean }): boolean | undefined {
  if (options.enabled) return true;
  return options.disabled ? false : undefined;
}
