// The same package for `import`: one implementation, so that an error is of the same class however it was imported.

export * from './index.js'
