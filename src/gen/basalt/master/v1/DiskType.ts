// Original file: proto/master.proto

export const DiskType = {
  DISK_TYPE_UNSPECIFIED: 'DISK_TYPE_UNSPECIFIED',
  DISK_TYPE_SSD: 'DISK_TYPE_SSD',
  DISK_TYPE_HDD: 'DISK_TYPE_HDD',
  DISK_TYPE_NVME: 'DISK_TYPE_NVME',
} as const;

export type DiskType =
  | 'DISK_TYPE_UNSPECIFIED'
  | 0
  | 'DISK_TYPE_SSD'
  | 1
  | 'DISK_TYPE_HDD'
  | 2
  | 'DISK_TYPE_NVME'
  | 3

export type DiskType__Output = typeof DiskType[keyof typeof DiskType]
