import { defineConfig } from 'vitest/config'

/** It boots a machine: `npm run e2e:vm`. */
export const SLOW = 'testrunner/e2e/vm-backend.test.ts'

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'testrunner/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/**/*.test.ts',
      'deploy/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', SLOW],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
