/**
 * A store whose program is loaded with the first request: the S3 client takes a second and fifty megabytes, and a server that
 * comes back after a crash must not wait for what it may never need.
 */
import type { ObjectStore } from '../ports.ts'

export function lazyStore(load: () => Promise<ObjectStore>): ObjectStore {
  let loading: Promise<ObjectStore> | undefined
  const store = (): Promise<ObjectStore> => {
    loading ??= load()
    return loading
  }
  return {
    put: async (...args) => (await store()).put(...args),
    putStream: async (...args) => (await store()).putStream(...args),
    get: async (...args) => (await store()).get(...args),
    head: async (...args) => (await store()).head(...args),
    list: async (...args) => (await store()).list(...args),
    delete: async (...args) => (await store()).delete(...args),
    close: async () => (await loading)?.close(),
  }
}
