// Original file: proto/master.proto

export const PathRole = {
  PATH_ROLE_UNSPECIFIED: 'PATH_ROLE_UNSPECIFIED',
  PATH_ROLE_ACTIVE: 'PATH_ROLE_ACTIVE',
  PATH_ROLE_STANDBY: 'PATH_ROLE_STANDBY',
  PATH_ROLE_TRANSITIONING: 'PATH_ROLE_TRANSITIONING',
  PATH_ROLE_UNAVAILABLE: 'PATH_ROLE_UNAVAILABLE',
} as const;

export type PathRole =
  | 'PATH_ROLE_UNSPECIFIED'
  | 0
  | 'PATH_ROLE_ACTIVE'
  | 1
  | 'PATH_ROLE_STANDBY'
  | 2
  | 'PATH_ROLE_TRANSITIONING'
  | 3
  | 'PATH_ROLE_UNAVAILABLE'
  | 4

export type PathRole__Output = typeof PathRole[keyof typeof PathRole]
