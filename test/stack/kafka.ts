import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run } from './command.ts'
import { fetchFromMaven, findJava } from './java.ts'
import { kafkaClient } from './kafka-client.ts'
import { freePort } from './ports.ts'
import { type Server, serverDirectory, startServer } from './server.ts'

/** Full versions that a major version stands for in VELOCAST_TEST_KAFKA_VERSION. */
const releases: Record<string, string> = { 3: '3.9.2', 4: '4.3.1' }
const defaultMajor = '4'
const loggerVersion = '1.7.36'

export type KafkaOptions = {
  /** A major version, 3 or 4, or a full one; else VELOCAST_TEST_KAFKA_VERSION, else 4. */
  version?: string
  port?: number
  /** Broker settings that add to or replace the ones below, such as `log.retention.check.interval.ms`. */
  settings?: Record<string, string>
  /** User → password: a second listener that asks for them, by SASL/PLAIN. */
  users?: Record<string, string>
  /** Replaces the small heap and the quick-starting compiler, for benchmarks. */
  javaOptions?: string[]
  /** One more listener, on `port`, whose clients are told that its address is `advertised`: that of a proxy before it. */
  behind?: { port: number; advertised: number }
}

export type KafkaServer = Server & {
  brokers: string[]
  port: number
  version: string
  /** Of the listener with users; empty without them. */
  saslBrokers: string[]
}

export type KafkaCluster = {
  /** Each can be killed and restarted on its own. */
  nodes: KafkaServer[]
  /** Addresses of all nodes. */
  brokers: string[]
  stop(): Promise<void>
}

/** A node's place in its cluster. */
interface Place {
  clusterId: string
  id: number
  controllerPort: number
  /** Controller ports of all nodes by id. */
  voters: ReadonlyMap<number, number>
}

/**
 * Starts one Apache Kafka node in KRaft mode, broker and controller in one. Topics are never created by use.
 * @throws UnavailableError when Java, Maven or Kafka cannot be had
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const controllerPort = await freePort()
  return startNode(options, {
    clusterId: clusterId(),
    id: 1,
    controllerPort,
    voters: new Map([[1, controllerPort]]),
  })
}

/**
 * Starts three nodes, each broker and controller, that go on when one is killed: groups are on all of them, and so are
 * the topics that ask for three replicas.
 * @throws UnavailableError as `startKafka`
 */
export async function startKafkaCluster(
  options: Omit<KafkaOptions, 'port' | 'behind'> = {},
): Promise<KafkaCluster> {
  const voters = new Map<number, number>()
  for (const id of [1, 2, 3]) voters.set(id, await freePort())
  const cluster = clusterId()
  const settings = {
    'offsets.topic.replication.factor': '3',
    'transaction.state.log.replication.factor': '3',
    'transaction.state.log.min.isr': '2',
    ...options.settings,
  }
  const starting = [...voters].map(([id, controllerPort]) =>
    startNode({ ...options, settings }, { clusterId: cluster, id, controllerPort, voters }),
  )
  const started = await Promise.allSettled(starting)
  const nodes = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  const failed = started.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  return { nodes, brokers: nodes.flatMap(({ brokers }) => brokers), stop }
}

async function startNode(options: KafkaOptions, place: Place): Promise<KafkaServer> {
  const wanted = options.version ?? (process.env.VELOCAST_TEST_KAFKA_VERSION || defaultMajor)
  const version = releases[wanted] ?? wanted
  const [java, programs] = await Promise.all([findJava(), fetchKafka(version)])
  const port = options.port ?? (await freePort())
  const directory = await serverDirectory('kafka')
  const settingsFile = join(directory, 'server.properties')
  const sasl = options.users === undefined ? null : { port: await freePort(), users: options.users }
  const settings = {
    ...brokerSettings({ port, place, directory, sasl, behind: options.behind ?? null }),
    ...options.settings,
  }
  await writeFile(
    settingsFile,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )

  const heap = options.javaOptions ?? ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
  const quiet = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
  ]
  const classPath = ['-cp', join(programs, '*')]
  const javaArgs = [
    ...heap,
    ...quiet,
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${join(directory, 'tmp')}`,
    ...classPath,
  ]
  const format = ['kafka.tools.StorageTool', 'format', '-t', place.clusterId, '-c', settingsFile]
  await run({ command: java, args: [...javaArgs, ...format] })

  const server = await startServer({
    name: 'kafka',
    command: java,
    args: [...javaArgs, 'kafka.Kafka', settingsFile],
    directory,
    ready: () => answers(port),
  })
  const saslBrokers = sasl === null ? [] : [`127.0.0.1:${sasl.port}`]
  return Object.assign(server, { brokers: [`127.0.0.1:${port}`], port, version, saslBrokers })
}

/** Fetches Kafka without starting it. */
export function fetchKafka(version: string): Promise<string> {
  const artifacts = [
    { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version },
    { groupId: 'org.slf4j', artifactId: 'slf4j-simple', version: loggerVersion },
  ]
  return fetchFromMaven({ name: `kafka-${version}`, artifacts, transitive: true })
}

function brokerSettings(node: {
  port: number
  place: Place
  directory: string
  sasl: { port: number; users: Record<string, string> } | null
  behind: { port: number; advertised: number } | null
}): Record<string, string> {
  const { id, voters, controllerPort } = node.place
  const listener = (name: string, port: number): string => `${name}://127.0.0.1:${port}`
  const own = [
    listener('PLAINTEXT', node.port),
    ...(node.sasl === null ? [] : [listener('SASL_PLAINTEXT', node.sasl.port)]),
  ]
  const { behind } = node
  const listening = behind === null ? own : [...own, listener('BEHIND', behind.port)]
  const advertised = behind === null ? own : [...own, listener('BEHIND', behind.advertised)]
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': [...voters].map(([voter, port]) => `${voter}@127.0.0.1:${port}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...listening, listener('CONTROLLER', controllerPort)].join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(node.directory, 'data'),
    'auto.create.topics.enable': 'false',
    ...(node.sasl === null ? {} : saslSettings(node.sasl.users)),
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'log.cleaner.dedupe.buffer.size': '8388608',
    'num.io.threads': '4',
    'num.network.threads': '2',
  }
}

function saslSettings(users: Record<string, string>): Record<string, string> {
  const known = Object.entries(users).map(([user, password]) => `user_${user}="${password}"`)
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  return {
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${module} required ${known.join(' ')};`,
  }
}

/** 16 random bytes; a leading dash would be read as an option by the storage tool. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}

async function answers(port: number): Promise<void> {
  await accepts(port)
  const admin = kafkaClient([`127.0.0.1:${port}`], { retry: { retries: 0 } }).admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    if (cluster.brokers.length === 0) throw new Error('no broker has registered yet')
  } finally {
    await admin.disconnect()
  }
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}
