// Original file: proto/master.proto

export const Role = {
  ROLE_UNSPECIFIED: 'ROLE_UNSPECIFIED',
  ROLE_PRIMARY: 'ROLE_PRIMARY',
  ROLE_REPLICA: 'ROLE_REPLICA',
} as const;

export type Role =
  | 'ROLE_UNSPECIFIED'
  | 0
  | 'ROLE_PRIMARY'
  | 1
  | 'ROLE_REPLICA'
  | 2

export type Role__Output = typeof Role[keyof typeof Role]
