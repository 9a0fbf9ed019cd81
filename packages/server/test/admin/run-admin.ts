import { adminMain } from '../../src/admin/cli.js';

/** Runs confidant-admin in the process of the test. */
export async function admin(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ exitCode: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const exitCode = await adminMain(args, {
    environment,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { exitCode, out, err };
}
