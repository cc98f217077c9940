// Where a program begins.

import { Admin, type AdminConfig } from './admin'
import { Consumer } from './consumer'
import { type Logger, createLogger } from './logger'
import { Producer } from './producer'
import type { ConsumerConfig, KafkaConfig, ProducerConfig } from './types'

export class Kafka {
  readonly #config: KafkaConfig
  readonly #logger: Logger

  constructor(config: KafkaConfig) {
    this.#config = config
    this.#logger = createLogger(config.logLevel, config.logCreator)
  }

  producer(config: ProducerConfig = {}): Producer {
    return new Producer(this.#config, config, this.#logger)
  }

  consumer(config: ConsumerConfig): Consumer {
    return new Consumer(this.#config, config ?? ({} as ConsumerConfig), this.#logger)
  }

  admin(config: AdminConfig = {}): Admin {
    return new Admin(this.#config, config, this.#logger)
  }

  logger(): Logger {
    return this.#logger
  }
}
