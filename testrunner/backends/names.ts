/** What all backends agree on. */

/** The folder of a machine that a daemon's data is in, and that `diskBytes` limits. */
export const DATA_FOLDER = 'data'
