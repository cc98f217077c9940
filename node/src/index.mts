// The same package for `import`: one implementation, so that an error is of the same class however it was imported.

import * as ottla from './index.js'

export * from './index.js'
export default ottla
