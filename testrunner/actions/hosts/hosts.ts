/** Group `host`. */
import type { Action } from '../action.ts'
import { attach, attachAll, detach } from './attach.ts'
import { diskRescan } from './disk-rescan.ts'
import { sessionStorm, sessionsCount } from './sessions.ts'

export const HOSTS: readonly Action[] = [attach, detach, attachAll, diskRescan, sessionStorm, sessionsCount]
