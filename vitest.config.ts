import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'testrunner/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/**/*.test.ts',
      'deploy/**/*.test.ts',
      'dashboards/**/*.test.ts',
      'alerts/**/*.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
