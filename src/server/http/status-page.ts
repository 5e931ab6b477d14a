/**
 * The status page of a target. It polls `/status` and computes rates from the counters; what it shows is set as text,
 * never as markup.
 */
import { readPage } from '../../http/page.ts'

export const STATUS_PAGE = readPage(new URL('./status-page.html', import.meta.url))
