/** Where a repository of backups is, and what it takes to get there. Holds secrets: never logged, never answered. */

export type RepositorySpec = RepositoryPlace & {
  /** Null: backups are stored in the clear. `keyHex`: 32 bytes, 64 hex digits; lost, and the backups are lost. */
  readonly encryption: { readonly keyHex: string } | null
}

export type RepositoryPlace =
  | {
      readonly kind: 's3'
      /** URL of a store that is not Amazon's; null: Amazon's of the region. */
      readonly endpoint: string | null
      readonly region: string
      readonly bucket: string
      /** In front of every object's name; '' or ends with a slash. */
      readonly prefix: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken: string | null
      readonly forcePathStyle: boolean
    }
  | {
      readonly kind: 'directory'
      /** Absolute. Made when it is missing; its parent must be there, so that a missing mount is not filled. */
      readonly path: string
    }
