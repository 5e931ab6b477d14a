/** Who can read a file beside its owner, by its mode. */

/** Of a file: permission bits, and the user it belongs to. */
interface Ownership {
  readonly mode: number
  readonly uid: number
}

/**
 * Whether a file that holds a secret is open to more than who needs it: to everybody, or to a group. A file that belongs to root
 * and was given to the group of a process that is not root is as closed as such a process can have it; so init systems and
 * orchestrators hand over secrets (mode 640 or 440). `uid`: of this process.
 */
export function isReadableByOthers(file: Ownership, uid: number): boolean {
  if ((file.mode & 0o004) !== 0) return true
  const isGivenByRoot = file.uid === 0 && uid !== 0
  return (file.mode & 0o040) !== 0 && !isGivenByRoot
}
