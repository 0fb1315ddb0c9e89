// Asks the API with a key, follows a job to its end, and tells failures in the API's own words.
export const access = { key: "" };
export const heard = new EventTarget(); // tells "degraded" when an answer says that it is

export async function call(path, signal, options = {}) {
  const headers = { Authorization: `Bearer ${access.key}`, ...(options.body ? { "Content-Type": "application/json" } : {}), ...options.headers };
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
  const tick = () => tell(Math.round((Date.now() - began) / 1000));
  const ticking = setInterval(tick, 1000);
  tick();
  try {
    return await followed(path, signal);
  } catch {
    signal.throwIfAborted();
    return await asked(path, retryAfter, signal); // too many streams are open, or something between us does not pass them on
  } finally {
    clearInterval(ticking);
  }
}

// The job as the server tells of it; a stream that ends before the job does is asked for again. EventSource could not send the key.
async function followed(path, signal) {
  for (let seen = ""; ; await rest(1000, signal)) {
    const response = await call(`${path}/events`, signal, { headers: seen ? { "Last-Event-ID": seen } : {} });
    if (response.status === 204) return json(path, signal);
    for await (const { id, data } of events(response.body)) {
      seen = id;
      const job = JSON.parse(data);
      if (job.status !== "pending") return job;
    }
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let rest = "", chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const whole = (rest + chunk.value).split("\n\n");
      rest = whole.pop();
      for (const told of whole) {
        const event = Object.fromEntries(told.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel();
  }
}

async function asked(path, retryAfter, signal) {
  const pause = Math.min(Math.max(Number(retryAfter) || 1, 0.25), 2) * 1000;
  for (;;) {
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
