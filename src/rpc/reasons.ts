/** `facts.reason` of errors that one of our processes tells another, and that the other one decides by. */

/** Of a CONFLICT: the server does not lead the volume in that epoch, or not yet; nothing was done. */
export const NOT_LED = 'not_led'
