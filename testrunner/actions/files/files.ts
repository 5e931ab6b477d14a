/** Group `file system`. */
import type { Action } from '../action.ts'
import { fileChecksum, fileWrite } from './file-content.ts'
import { fsck, fsGrow, mkfs, mount, umount } from './file-systems.ts'

export const FILES: readonly Action[] = [mkfs, mount, umount, fsck, fileWrite, fileChecksum, fsGrow]
