// Asks the API with a key, follows a job to its end, and tells failures in the API's own words.
export const access = { key: "" };
export const heard = new EventTarget(); // tells "degraded" when an answer says that it is

export async function call(path, signal, options = {}) {
  const headers = { Authorization: `Bearer ${access.key}`, ...(options.body ? { "Content-Type": "application/json" } : {}) };
  const response = await fetch(path, { ...options, headers, signal });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail || `The server answered ${response.status}.`);
}

export async function json(path, signal) {
  const answer = await (await call(path, signal)).json();
  if (answer.degraded) heard.dispatchEvent(new CustomEvent("degraded", { detail: answer }));
  return answer;
}

export async function post(path, body, signal) {
  return call(path, signal, { method: "POST", body: JSON.stringify(body) });
}

// What the server says is wrong with its graph, or nothing; a server that does not answer is told by whatever else is asked.
export async function rebuilding(signal) {
  const response = await fetch("/readyz?verbose", { signal }).catch(() => null);
  const said = await response?.json().catch(() => ({}));
  return said?.checks?.graph && said.checks.graph !== "ok" ? said.checks.graph : "";
}

// What was asked for, at once (200, 201) or when its job has ended (202); `tell` hears every second or so that it goes on.
export async function made(path, body, signal, tell) {
  const response = await post(path, body, signal);
  const answer = await response.json();
  if (response.status !== 202) return answer;
  const job = await ended(`/v1/jobs/${encodeURIComponent(answer.job_id)}`, response.headers.get("Retry-After"), signal, tell);
  if (job.problem) throw new Error(job.problem.detail || `The job ${job.status}.`);
  return job.location ? json(job.location, signal) : { status: job.status, ...job.result };
}

async function ended(path, retryAfter, signal, tell) {
  const began = Date.now();
  const pause = Math.min(Math.max(Number(retryAfter) || 1, 0.25), 2) * 1000;
  for (;;) {
    tell(Math.round((Date.now() - began) / 1000));
    const job = await json(path, signal);
    if (job.status !== "pending") return job;
    await rest(pause, signal);
  }
}

export function rest(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
