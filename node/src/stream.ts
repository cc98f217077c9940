// `for await (const message of consumer)`: messages are pulled, one after the other, out of what `eachMessage` is given.

import type { Message } from './batch'
import { KafkaJSNonRetriableError } from './errors'
import type { ConsumerRunConfig } from './types'

interface Asking {
  resolve(result: IteratorResult<Message, undefined>): void
  reject(e: Error): void
}

const ENDED: IteratorResult<Message, undefined> = { done: true, value: undefined }

/** Written by hand: an async generator costs twice as much for each message. */
export class MessageIterator implements AsyncIterator<Message, undefined> {
  readonly config: ConsumerRunConfig
  readonly #stop: () => Promise<void>
  #asking: Asking[] = []
  /** A message that nobody has asked for yet. */
  #offered: Message | undefined
  /** Tells of the message that the loop got last: it is done with, or was left. */
  #done: { resolve(): void; reject(e: Error): void } | undefined
  #isEnded = false
  #error: Error | undefined

  constructor(stop: () => Promise<void>) {
    this.#stop = stop
    this.config = { eachMessage: ({ message }) => this.#offer(message as Message) }
  }

  #offer(message: Message): Promise<void> {
    const asking = this.#asking.shift()
    if (asking) asking.resolve({ done: false, value: message })
    else this.#offered = message
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject }
    })
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#error) {
      const e = this.#error
      this.#error = undefined
      return Promise.reject(e)
    }
    if (this.#isEnded) return Promise.resolve(ENDED)
    const offered = this.#offered
    if (offered !== undefined) {
      this.#offered = undefined
      return Promise.resolve({ done: false, value: offered })
    }
    const promise = new Promise<IteratorResult<Message, undefined>>((resolve, reject) => {
      this.#asking.push({ resolve, reject })
    })
    const done = this.#done
    this.#done = undefined
    done?.resolve()
    return promise
  }

  async return(): Promise<IteratorResult<Message, undefined>> {
    this.end()
    await this.#stop()
    return ENDED
  }

  /** The consumer is stopped: the loop ends. What it got last is not done with. */
  end(): void {
    this.#isEnded = true
    this.#offered = undefined
    const asking = this.#asking
    this.#asking = []
    for (const { resolve } of asking) resolve(ENDED)
    this.interrupt()
  }

  /** What was handed out last is not done with: it comes again. */
  interrupt(): void {
    this.#offered = undefined
    const done = this.#done
    this.#done = undefined
    done?.reject(new KafkaJSNonRetriableError('The loop over the consumer was left'))
  }

  /** The consumer has crashed for good: the loop throws. */
  fail(e: Error): void {
    const asking = this.#asking.shift()
    if (asking) asking.reject(e)
    else this.#error = e
    this.end()
  }
}
