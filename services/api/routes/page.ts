import type { Routes } from '../dependencies.ts'
import { pageAssets } from '../page-assets.ts'

/** Nothing from elsewhere is loaded, and no other site may frame the page. */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page at `/` and its files below `/page/`, read once at start. They are no part of the API's description. */
export const pageRoutes: Routes = (server) => {
  for (const asset of pageAssets()) {
    server.get(asset.path, { schema: { hide: true, response: { 200: { type: 'string' } } } }, (_, reply) =>
      reply
        .header('cache-control', 'no-cache')
        .header('content-security-policy', SECURITY_POLICY)
        .header('referrer-policy', 'no-referrer')
        .type(asset.type)
        .send(asset.bytes),
    )
  }
}
