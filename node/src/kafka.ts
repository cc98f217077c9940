// Where a program begins.

import * as admin from './admin'
import type { Admin, IterableConsumer, Producer } from './clients'
import * as consumer from './consumer'
import { type Logger, createLogger } from './logger'
import * as producer from './producer'
import type { AdminConfig, ConsumerConfig, KafkaConfig, ProducerConfig } from './types'

export class Kafka {
  readonly #config: KafkaConfig
  readonly #logger: Logger

  constructor(config: KafkaConfig) {
    this.#config = config
    this.#logger = createLogger(config.logLevel, config.logCreator)
  }

  producer(config: ProducerConfig = {}): Producer {
    return new producer.Producer(this.#config, config, this.#logger)
  }

  consumer(config: ConsumerConfig): IterableConsumer {
    return new consumer.Consumer(this.#config, config ?? ({} as ConsumerConfig), this.#logger)
  }

  admin(config: AdminConfig = {}): Admin {
    return new admin.Admin(this.#config, config, this.#logger)
  }

  logger(): Logger {
    return this.#logger
  }
}
