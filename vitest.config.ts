import { defineConfig } from 'vitest/config';

// Tests import the packages' sources through the "source" condition of their exports, so a test never runs
// against a stale build; tests that spawn whole programs use dist/, which `npm test` builds first.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node', 'import'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Bounds for what hangs: many tests start programs, on machines that may be slow.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Its usual second is too short for a machine that does something else.
    expect: { poll: { timeout: 20_000 } },
    // The AWS SDK signs with these for the local stand-ins; nothing real answers to them.
    env: { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_EC2_METADATA_DISABLED: 'true' },
    setupFiles: ['test/environment.mjs', 'test/properties.mjs'],
    pool: 'forks',
    maxWorkers: 2,
  },
});
