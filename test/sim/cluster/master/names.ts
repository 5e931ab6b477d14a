/** The cluster and the volume of a run, as records and beats name them. */
import { testUuid } from '../../../../src/master/core/test-support.ts'

export const CLUSTER_ID = testUuid(1, 9)
export const VOLUME_ID = testUuid(9)
