// KafkaJS's logger: levels, namespaces, one line of JSON an entry unless a logCreator says otherwise.

export enum logLevel {
  NOTHING = 0,
  ERROR = 1,
  WARN = 2,
  INFO = 4,
  DEBUG = 5,
}

export interface LoggerEntryContent {
  readonly timestamp: string
  readonly message: string
  [key: string]: any
}

export interface LogEntry {
  namespace: string
  level: logLevel
  label: string
  log: LoggerEntryContent
}

export type logCreator = (level: logLevel) => (entry: LogEntry) => void

export interface Logger {
  info(message: string, extra?: object): void
  error(message: string, extra?: object): void
  warn(message: string, extra?: object): void
  debug(message: string, extra?: object): void
  namespace(namespace: string, level?: logLevel): Logger
  setLogLevel(level: logLevel): void
}

const toConsole: logCreator =
  () =>
  ({ namespace, level, label, log }) => {
    const prefix = namespace ? `[${namespace}] ` : ''
    const line = JSON.stringify({ level: label, ...log, message: prefix + log.message })
    switch (level) {
      case logLevel.ERROR:
        return console.error(line)
      case logLevel.WARN:
        return console.warn(line)
      case logLevel.INFO:
        return console.info(line)
      default:
        return console.log(line)
    }
  }

/** `OTTLA_LOG_LEVEL`, or KafkaJS's variable, goes before what the program says. */
function fromEnvironment(level: logLevel): logLevel {
  const name = (process.env.OTTLA_LOG_LEVEL ?? process.env.KAFKAJS_LOG_LEVEL ?? '').toUpperCase()
  const named = logLevel[name as keyof typeof logLevel]
  return named ?? level
}

export function createLogger(level: logLevel = logLevel.INFO, creator: logCreator = toConsole): Logger {
  let current = fromEnvironment(level)
  const write = creator(current)

  const logger = (namespace: string, own?: logLevel): Logger => {
    const log = (label: string, entryLevel: logLevel) => (message: string, extra: object = {}) => {
      if (entryLevel > (own ?? current)) return
      const timestamp = new Date().toISOString()
      write({ namespace, level: entryLevel, label, log: { timestamp, logger: 'ottla', message, ...extra } })
    }
    return {
      info: log('INFO', logLevel.INFO),
      error: log('ERROR', logLevel.ERROR),
      warn: log('WARN', logLevel.WARN),
      debug: log('DEBUG', logLevel.DEBUG),
      namespace: (name, level) => logger(name, level === undefined ? undefined : fromEnvironment(level)),
      setLogLevel: (level) => {
        current = level
      },
    }
  }
  return logger('')
}
