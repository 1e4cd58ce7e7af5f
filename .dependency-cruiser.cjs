/** The floors: domain stands on nothing, platform on domain, a service on platform and domain, the roof on all. */
const SERVICES = '(ingest|windows|forecast|sink|monitor|train|api)'

module.exports = {
  forbidden: [
    {
      name: 'domain-stands-alone',
      severity: 'error',
      from: { path: '^services/domain/' },
      to: { path: '^services/', pathNot: '^services/domain/' },
    },
    {
      name: 'domain-has-no-input-or-output',
      severity: 'error',
      from: { path: '^services/domain/' },
      to: {
        dependencyTypes: ['npm', 'core'],
        pathNot: '^(node:)?crypto$|^node_modules/zod/',
      },
    },
    {
      name: 'platform-stands-on-domain',
      severity: 'error',
      from: { path: '^services/platform/' },
      to: { path: '^services/', pathNot: '^services/(platform|domain)/' },
    },
    {
      name: 'no-service-imports-another',
      severity: 'error',
      from: { path: `^services/${SERVICES}/` },
      to: { path: '^services/', pathNot: '^services/(platform|domain|$1)/' },
    },
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-development-dependency',
      severity: 'error',
      from: { path: '^services/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
}
