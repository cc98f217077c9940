// The package's types beside KafkaJS's own: the same names, and each is good where the other is asked for. Its errors likewise.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import kafkajs from 'kafkajs'
import * as ottla from 'ottla'
import ts from 'typescript'

const require = createRequire(import.meta.url)
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
}

/** What a declaration file exports: by name, whether it is a type, a value or both, and how many parameters the type has. */
function exported(program, file) {
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(file))
  const resolve = (one) => (one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one)
  return new Map(
    checker.getExportsOfModule(module).map((one) => {
      const symbol = resolve(one)
      const [declaration] = symbol.declarations.filter(({ typeParameters }) => typeParameters !== undefined)
      return [
        one.name,
        {
          isType: (symbol.flags & ts.SymbolFlags.Type) !== 0,
          isValue: (symbol.flags & ts.SymbolFlags.Value) !== 0,
          parameters: declaration?.typeParameters.length ?? 0,
        },
      ]
    }),
  )
}

const files = { ottla: path('../dist/index.d.ts'), kafkajs: path('../node_modules/kafkajs/types/index.d.ts') }
const declarations = ts.createProgram(Object.values(files), OPTIONS)
const [ours, theirs] = [files.ottla, files.kafkajs].map((file) => exported(declarations, file))

/** What programs have in common is read once. */
const parsed = new Map()

/** What the compiler says of a program that is only here. */
function compile(source) {
  const name = path('types/generated.mts')
  const host = ts.createCompilerHost(OPTIONS)
  const { getSourceFile, fileExists, readFile } = host
  host.getSourceFile = (file, ...rest) => {
    if (file === name) return ts.createSourceFile(file, source, rest[0])
    if (!parsed.has(file)) parsed.set(file, getSourceFile(file, ...rest))
    return parsed.get(file)
  }
  host.fileExists = (file) => file === name || fileExists(file)
  host.readFile = (file) => (file === name ? source : readFile(file))
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([name], OPTIONS, host))
  return diagnostics.map((one) => {
    const line = one.file?.fileName === name ? source.split('\n')[one.file.getLineAndCharacterOfPosition(one.start).line] : ''
    return `${line} ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`
  })
}

test('every type and value that KafkaJS’s declarations export is exported', () => {
  assert.ok(theirs.size > 150, 'KafkaJS’s declarations have been read')
  const kinds = (all) => [...all].map(([name, { isType, isValue }]) => `${name}: type ${isType}, value ${isValue}`)
  const known = new Set(kinds(ours))
  assert.deepEqual(kinds(theirs).filter((one) => !known.has(one)), [])
})

test('every value that KafkaJS exports at run time is exported, by require and by import', () => {
  const names = Object.keys(kafkajs)
  const required = require('ottla')
  assert.deepEqual(names.filter((name) => required[name] === undefined), [])
  assert.deepEqual(names.filter((name) => ottla[name] === undefined), [])
  assert.deepEqual(names.filter((name) => typeof required[name] !== typeof kafkajs[name]), [])
})

/** COMPAT.md names them: they have more than KafkaJS's type says, so that KafkaJS's own do not do in their place. */
const HAVE_MORE = ['Kafka', 'KafkaJSDeleteTopicRecordsError']

test('a value of each of KafkaJS’s types is one of the package’s, and the other way round', () => {
  const imports = ["import type * as kafkajs from 'kafkajs'", "import type * as ottla from 'ottla'"]
  const lines = [...imports, 'type Is<A extends B, B> = [A, B]']
  const of = (module, name, { parameters }) =>
    `${module}.${name}${parameters > 0 ? `<${Array(parameters).fill('any').join(', ')}>` : ''}`
  for (const [name, one] of theirs) {
    if (!one.isType) continue
    const [their, our] = [of('kafkajs', name, one), of('ottla', name, one)]
    lines.push(`export type _from_${name} = Is<${our}, ${their}>`)
    if (!HAVE_MORE.includes(name)) lines.push(`export type _to_${name} = Is<${their}, ${our}>`)
  }
  assert.deepEqual(compile(lines.join('\n')), [])
})

test('each value of the package’s is good where KafkaJS’s is asked for', () => {
  const lines = ["import kafkajs = require('kafkajs')", "import ottla = require('ottla')"]
  for (const [name, { isValue }] of theirs) {
    if (isValue) lines.push(`export const _${name}: typeof kafkajs.${name} = ottla.${name}`)
  }
  assert.deepEqual(compile(lines.join('\n')), [])
})

test('a program for KafkaJS compiles with either', () => {
  const program = readFileSync(path('types/kafkajs.mts'), 'utf8')
  assert.ok(program.includes("from 'ottla'"))
  assert.deepEqual(compile(program), [])
  assert.deepEqual(compile(program.replace("from 'ottla'", "from 'kafkajs'")), [])
})

test('the compiler says of the example in KafkaJS’s README what it says with KafkaJS', () => {
  const readme = readFileSync(path('../node_modules/kafkajs/README.md'), 'utf8')
  const [, example] = /```javascript\n(const \{ Kafka \}.*?)```/s.exec(readme)
  const [ottla, kafkajs] = ['ottla', 'kafkajs'].map((name) =>
    compile(example.replace(/const (.*) = require\('kafkajs'\)/, `import $1 from '${name}'`)),
  )
  assert.deepEqual(ottla, kafkajs)
  // That a value may be null, and nothing else.
  assert.ok(ottla.every((one) => one.includes('possibly')), ottla)
})

test('the compiler is asked in earnest', () => {
  const found = compile("import { Kafka } from 'ottla'\nexport const kafka: Kafka = 5\nexport const none: number = new Kafka({})")
  assert.equal(found.length, 3)
})

const ERRORS = Object.keys(kafkajs).filter((name) => kafkajs[name].prototype instanceof Error)

/** What each constructor takes, that takes more than an error. */
const ARGUMENTS = {
  KafkaJSOffsetOutOfRange: [{ topic: 't', partition: 3 }],
  KafkaJSMemberIdRequired: [{ memberId: 'm' }],
  KafkaJSNumberOfRetriesExceeded: [{ retryCount: 4, retryTime: 500 }],
  KafkaJSConnectionError: [{ broker: 'b:1', code: 'ECONNREFUSED' }],
  KafkaJSConnectionClosedError: [{ host: 'b', port: 1 }],
  KafkaJSRequestTimeoutError: [{ broker: 'b:1', clientId: 'c', correlationId: 1, createdAt: 2, sentAt: 3, pendingDuration: 4 }],
  KafkaJSTopicMetadataNotLoaded: [{ topic: 't' }],
  KafkaJSStaleTopicMetadataAssignment: [{ topic: 't', unknownPartitions: [] }],
  KafkaJSServerDoesNotSupportApiKey: [{ apiKey: 1, apiName: 'Fetch' }],
  KafkaJSDeleteGroupsError: [[{ groupId: 'g', errorCode: 68 }]],
  KafkaJSCreateTopicError: ['t'],
  KafkaJSAlterPartitionReassignmentsError: ['t', 3],
  KafkaJSAggregateError: [[new Error('one of them')]],
}
const PARTITIONS = { partitions: [{ partition: 0, offset: '5', error: { retriable: true } }, { partition: 1, error: null }] }
/** These words are the package's own. */
const OWN_MESSAGE = ['KafkaJSDeleteTopicRecordsError', 'KafkaJSInvariantViolation', 'KafkaJSNoBrokerAvailableError']

/** What a program can see of an error. */
function seen(library, name) {
  const source = Object.assign(new Error('the message'), { type: 'SOME_ERROR', code: 99, retriable: true, helpUrl: 'u' })
  const isRecords = name === 'KafkaJSDeleteTopicRecordsError'
  const first = name === 'KafkaJSAggregateError' || name === 'KafkaJSFetcherRebalanceError' ? 'the message' : source
  const error = isRecords ? new library[name](PARTITIONS) : new library[name](first, ...(ARGUMENTS[name] ?? []))
  const parents = []
  for (let at = library[name]; at.prototype !== undefined; at = Object.getPrototypeOf(at)) parents.push(at.name)
  const { stack, message, ...fields } = Object.fromEntries(Object.getOwnPropertyNames(error).map((one) => [one, error[one]]))
  if (OWN_MESSAGE.includes(name)) delete fields.helpUrl
  const told = OWN_MESSAGE.includes(name) ? message.length > 0 : message
  return { name: error.name, parents, message: told, fields: { ...fields, name: error.name }, stacked: typeof stack }
}

test('errors have KafkaJS’s names, parents and properties', () => {
  assert.ok(ERRORS.length >= 31)
  for (const name of ERRORS) {
    const [our, their] = [seen(ottla, name), seen(kafkajs, name)]
    const defined = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    our.fields = defined(our.fields)
    their.fields = defined(their.fields)
    assert.deepEqual(our, their, name)
  }
})

test('KafkaJS’s errors can be made with nothing but words', () => {
  for (const name of ERRORS) {
    if (OWN_MESSAGE.includes(name)) continue
    const error = new ottla[name]('words', ...(ARGUMENTS[name] ?? []))
    assert.equal(error.message, 'words', name)
    assert.ok(error instanceof Error)
  }
})

/** A client of each kind, none of which connects. */
function clients(library) {
  const kafka = new library.Kafka({ brokers: ['localhost:1'], logLevel: library.logLevel.NOTHING })
  const createPartitioner = library.Partitioners.DefaultPartitioner
  return {
    kafka,
    producer: kafka.producer({ createPartitioner }),
    consumer: kafka.consumer({ groupId: 'g' }),
    admin: kafka.admin(),
  }
}

test('clients have every method and event of KafkaJS’s', () => {
  const [our, their] = [clients(ottla), clients(kafkajs)]
  for (const [kind, client] of Object.entries(their)) {
    const names = [...Object.keys(client), ...Object.getOwnPropertyNames(Object.getPrototypeOf(client))]
    for (const name of names.filter((name) => typeof client[name] === 'function' && !(name in Object.prototype))) {
      assert.equal(typeof our[kind][name], 'function', `${kind}.${name}`)
    }
    assert.deepEqual(Object.entries(our[kind].events ?? {}).sort(), Object.entries(client.events ?? {}).sort(), kind)
  }
})

test('what is refused is refused by name, as a promise', async () => {
  const { producer, admin } = clients(ottla)
  const refused = {
    'producer.transaction': producer.transaction,
    ...Object.fromEntries(
      [
        'createPartitions',
        'deleteTopicRecords',
        'describeConfigs',
        'alterConfigs',
        'describeAcls',
        'createAcls',
        'deleteAcls',
        'alterPartitionReassignments',
        'listPartitionReassignments',
      ].map((name) => [`admin.${name}`, admin[name]]),
    ),
  }
  for (const [name, method] of Object.entries(refused)) {
    const error = (e) => e instanceof ottla.KafkaJSNotImplemented && e.message.startsWith(`${name} is not implemented`)
    await assert.rejects(method({}), error)
  }
  for (const type of Object.values(ottla.CompressionTypes).filter((type) => type > 0)) {
    assert.throws(() => ottla.CompressionCodecs[type](), { name: 'KafkaJSNotImplemented' })
  }
})
