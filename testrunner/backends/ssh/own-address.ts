/** The address of this computer that another one sees. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

/** On the way to `peer`. Nothing is sent. */
export async function ownAddress(peer: string): Promise<string> {
  const socket = createSocket(isIPv6(peer) ? 'udp6' : 'udp4')
  try {
    socket.connect(9, peer)
    await once(socket, 'connect')
    return socket.address().address
  } finally {
    socket.close()
  }
}
