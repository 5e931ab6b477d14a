/** Paths as the `Disk` port takes them: absolute, with slashes. */
export const parentOf = (path: string): string => path.replace(/\/[^/]*$/, '') || '/'
