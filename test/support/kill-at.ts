/**
 * Loaded before the command (`node --import`): sends the process a signal at one exact request, which a test that only waited
 * a while could not. KILL_AT is `SIGNAL before|after <n> <METHOD> <part of the path>`, e.g. `SIGKILL after 3 PUT /`.
 */
const [signal, when, nth, method, part] = (process.env.KILL_AT ?? '').split(' ')
const { fetch } = globalThis
let seen = 0
globalThis.fetch = async (input, init) => {
  const matches = init?.method === method && new URL(String(input)).pathname.includes(part ?? '/')
  if (matches) seen++
  const now = matches && seen === Number(nth)
  if (now && when === 'before') process.kill(process.pid, signal)
  const response = await fetch(input, init)
  if (now && when === 'after') process.kill(process.pid, signal)
  return response
}
