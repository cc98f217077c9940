// `for await (const message of consumer)`: messages are pulled, one after the other, out of the batches that the runner offers.

import type { Message } from './batch'
import { KafkaJSNonRetriableError } from './errors'

interface Asking {
  resolve(result: IteratorResult<Message, undefined>): void
  reject(e: Error): void
}

/** The messages of a batch. */
export interface Feed {
  /** What was taken before is done with. The next one; none if there is no more of it, or not before it is offered again. */
  take(): Message | undefined
  /** What was taken last is not done with: nobody takes any more. */
  interrupt(e: Error): void
}

const ENDED: IteratorResult<Message, undefined> = { done: true, value: undefined }

/** Written by hand: an async generator costs twice as much for each message. */
export class MessageIterator implements AsyncIterator<Message, undefined> {
  readonly #stop: () => Promise<void>
  #asking: Asking[] = []
  #feed: Feed | undefined
  #isEnded = false
  #error: Error | undefined

  constructor(stop: () => Promise<void>) {
    this.#stop = stop
  }

  /** What is taken next. Once it has nothing more, another can be offered. */
  offer(feed: Feed): void {
    this.#feed = feed
    if (this.#isEnded) return this.interrupt()
    while (this.#asking.length > 0) {
      const value = this.#take()
      if (value === undefined) return
      this.#asking.shift()?.resolve({ done: false, value })
    }
  }

  #take(): Message | undefined {
    const message = this.#feed?.take()
    if (message === undefined) this.#feed = undefined
    return message
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#error) {
      const e = this.#error
      this.#error = undefined
      return Promise.reject(e)
    }
    if (this.#isEnded) return Promise.resolve(ENDED)
    const value = this.#take()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    return new Promise((resolve, reject) => {
      this.#asking.push({ resolve, reject })
    })
  }

  async return(): Promise<IteratorResult<Message, undefined>> {
    this.end()
    await this.#stop()
    return ENDED
  }

  /** The consumer is stopped: the loop ends. What it got last is not done with. */
  end(): void {
    this.#isEnded = true
    const asking = this.#asking
    this.#asking = []
    for (const { resolve } of asking) resolve(ENDED)
    this.interrupt()
  }

  /** What was handed out last is not done with: it comes again. */
  interrupt(): void {
    const feed = this.#feed
    this.#feed = undefined
    feed?.interrupt(new KafkaJSNonRetriableError('The loop over the consumer was left'))
  }

  /** The consumer has crashed for good: the loop throws. */
  fail(e: Error): void {
    const asking = this.#asking.shift()
    if (asking) asking.reject(e)
    else this.#error = e
    this.end()
  }
}
