/** One word of a shell, whatever is in it. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** A script of sh with arguments, as one line for whatever shell the user has there. */
export const shLine = (script: string, ...args: readonly string[]): string =>
  `exec sh -c ${[script, 'sh', ...args].map(quote).join(' ')}`
