/**
 * The status pages of a target and of a block server. One polls `/status`; that of a target computes rates from the counters; what it shows is set as text,
 * never as markup.
 */
import { readPage } from '../../http/page.ts'

export const STATUS_PAGE = readPage(new URL('./status-page.html', import.meta.url))

export const SERVER_PAGE = readPage(new URL('./server-page.html', import.meta.url))
