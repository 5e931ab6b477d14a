import { defineConfig } from 'vitest/config'
import { SLOW } from '../../vitest.config.ts'

export default defineConfig({ test: { include: [SLOW], pool: 'forks' } })
