import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { VelocastError } from '../../platform/errors.ts'
import { requestRun, runRecordPath } from '../../platform/run-ledger/run-slot.ts'
import { type ApiDependencies, type Routes, unknownSystem } from '../dependencies.ts'
import { answers, noQuery, runParams, trainBody } from '../schemas.ts'

const JOB = 'train'
const SECURITY = [{ bearer: [] }]

/**
 * Training on request. The run is only asked for here, in the system's slot of the object store; the train service takes it
 * up within seconds. Both routes need the bearer token of `train.token`.
 */
export const trainRoutes: Routes = (server, dependencies) => {
  const { objects, clock, config } = dependencies.platform

  server.post<{ Body: { system?: string } | null }>(
    '/v1/train',
    {
      onRequest: async (request) => authorize(request, config.train.token),
      schema: {
        tags: ['training'],
        summary: 'Ask for a training run of one system',
        security: SECURITY,
        querystring: noQuery,
        body: trainBody,
        response: {
          ...answers(
            'RunRequested',
            'It is asked for; the run itself follows',
            [400, 401, 403, 404, 503],
            202,
          ),
          409: {
            description: 'A run is asked for or at work: `run_in_progress`, with its id',
            content: { 'application/json': { schema: { $ref: 'RunInProgress#' } } },
          },
        },
      },
    },
    async ({ body }, reply) => {
      const system = systemOf(dependencies, body?.system)
      reply.header('cache-control', 'no-store')
      try {
        const { run_id } = await requestRun({ objects, clock, system, job: JOB, trigger: 'api' })
        const location = `/v1/systems/${system}/runs/${JOB}/${run_id}`
        return reply.code(202).header('location', location).send({ run_id, system, location })
      } catch (error) {
        if (!(error instanceof VelocastError) || error.code !== 'run_in_progress') throw error
        const { code, message, data } = error
        return reply.code(409).send({ error: { code, message }, run_id: String(data.run_id) })
      }
    },
  )

  server.get<{ Params: { system: string; run: string } }>(
    `/v1/systems/:system/runs/${JOB}/:run`,
    {
      onRequest: async (request) => authorize(request, config.train.token),
      schema: {
        tags: ['training'],
        summary: 'The record of a training run: state, reason, inputs, what the gate saw, outputs',
        security: SECURITY,
        params: runParams,
        querystring: noQuery,
        response: answers('Artefact', 'The record, as it was written', [400, 401, 403, 404, 503]),
      },
    },
    async ({ params: { system, run } }, reply) => {
      const path = runRecordPath({ system, job: JOB, runId: run })
      const object = await objects.get(path)
      if (object === null) {
        throw new VelocastError({
          code: 'not_found',
          message: `run has no record, it may not be taken up yet: ${run}`,
        })
      }
      return reply
        .header('cache-control', 'no-store')
        .type('application/json; charset=utf-8')
        .send(object.bytes)
    },
  )
}

/** Throws `unauthenticated` without a bearer token, `forbidden` with a wrong one or when none is configured. */
function authorize({ headers }: FastifyRequest, token: string | undefined): void {
  const given = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (given === undefined) {
    throw new VelocastError({
      code: 'unauthenticated',
      message: 'request needs a bearer token, send the header Authorization: Bearer <train.token>',
    })
  }
  if (token === undefined) {
    throw new VelocastError({
      code: 'forbidden',
      message: 'training over HTTP is off, set train.token (VELOCAST_TRAIN_TOKEN) to allow it',
    })
  }
  if (!timingSafeEqual(digest(given), digest(token))) {
    throw new VelocastError({ code: 'forbidden', message: 'request has another token than train.token' })
  }
}

/** Equal lengths, so that the comparison's time tells nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function systemOf({ platform: { config } }: ApiDependencies, named: string | undefined): string {
  const ids = config.systems.map(({ id }) => id)
  if (named !== undefined) {
    if (ids.includes(named)) return named
    throw unknownSystem(named)
  }
  if (ids.length === 1) return ids[0]!
  throw new VelocastError({
    code: 'request_invalid',
    message: `body must name the system, one of ${ids.join(', ')}: {}`,
  })
}
