// Shows one person through the API. The key comes from the address's fragment, which no server ever sees.
import { access, heard, json, rebuilding, rest } from "./api.js";
import { $, day, make } from "./elements.js";
import * as parts from "./parts.js";

const PARTS = { offers: parts.offers, interests: parts.interests, history: parts.history, graph: parts.graph, email: parts.email, board: parts.board };
const running = new Map(); // part → what aborts it
let user = "";

// Begin a part anew: what it was doing is given up, so that a slow earlier answer can never be shown over a later one.
function anew(name) {
  running.get(name)?.abort();
  running.set(name, new AbortController());
  return running.get(name).signal;
}

async function run(name, work, more = {}) {
  const signal = anew(name);
  const section = document.querySelector(`[data-part=${name}]`);
  const line = section.querySelector(".told");
  const tell = (text) => signal.aborted || (line.textContent = text);
  let last = "";
  line.classList.remove("failed");
  tell("");
  section.setAttribute("aria-busy", "true");
  try {
    await work(user, { signal, tell: (text) => tell((last = text)), ...more });
    if (/^(Being|Still being) made|on its way/.test(last)) tell("");
  } catch (error) {
    if (signal.aborted) return;
    tell(error.message);
    line.classList.add("failed");
  }
  if (!signal.aborted) section.removeAttribute("aria-busy");
}

const graph = (around) => run("graph", parts.graph, { around, choose: ({ kind, id }) => graph({ kind, id }) });
const react = (item, kind, element) =>
  parts.tellTaste(user, item, kind, element).catch((error) => element.append(make("p", error.message, { class: "failed", role: "alert" })));

async function show() {
  document.body.dataset.ready = "no";
  $("person").hidden = true; // an unknown person must not stand under another one's page
  for (const name of Object.keys(PARTS)) anew(name);
  const signal = anew("profile");
  degraded("");
  watch();
  notice(`Looking up person ${user} …`);
  for (const id of ["board", "email", "publishing", "more"]) $(id).hidden = true;
  for (const id of ["again", "discover", "interests", "history", "chart", "graph"]) $(id).replaceChildren();
  try {
    await parts.profile(user, { signal });
  } catch (error) {
    if (!signal.aborted) notice(error.message, true);
    return;
  }
  notice("");
  $("person").hidden = false;
  document.title = `Person ${user} · Tastegraph`;
  await Promise.all(Object.entries(PARTS).map(([name, work]) => (name === "graph" ? graph() : run(name, work, { react }))));
  if (!signal.aborted) document.body.dataset.ready = "yes";
}

function notice(text, failed = false) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("notice").classList.toggle("failed", failed);
}

function degraded(text) {
  $("degraded").textContent = text;
  $("degraded").hidden = !text;
}

const SOURCES = { cache: "earlier copies", popular: "what is popular in the shop" };
heard.addEventListener("degraded", ({ detail }) => {
  const since = detail.as_of ? `, as of ${day(detail.as_of)} ${detail.as_of.slice(11, 16)} UTC` : "";
  degraded(`The graph does not answer just now. Some of this comes from ${SOURCES[detail.served_from] || detail.served_from}${since}.`);
});

// While the graph is being rebuilt people are missing and answers are poorer: say so, and show the person anew once it stands.
async function watch() {
  const signal = anew("health");
  let began = false;
  try {
    while (await rebuilding(signal)) {
      began = true;
      degraded("The graph is being rebuilt. Until it stands, people may be missing and suggestions are poorer.");
      await rest(1500, signal);
    }
  } catch {
    return; // given up for a later look
  }
  if (began && !signal.aborted) show();
}

async function people() {
  const data = await json("/v1/users?page_size=500", anew("people"));
  $("users").replaceChildren(...data.items.map((id) => make("option", "", { value: id })));
}

// The person stands in the address, so that it can be kept and gone back to; the key has no business there.
function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.get("key")) sessionStorage.setItem("key", given.get("key"));
  access.key = sessionStorage.getItem("key") || "";
  if (given.get("user") !== null) user = given.get("user");
  if (given.get("key")) window.history.replaceState(null, "", user ? `#user=${encodeURIComponent(user)}` : "/");
  [$("key").value, $("user").value] = [access.key, user];
}

function begin() {
  read();
  if (access.key) people().catch(() => {}); // without a list an id can still be typed
  if (access.key && user) show();
}

$("who").addEventListener("submit", (event) => {
  event.preventDefault();
  [access.key, user] = [$("key").value.trim(), $("user").value.trim()];
  sessionStorage.setItem("key", access.key);
  window.history.pushState(null, "", `#user=${encodeURIComponent(user)}`);
  people().catch(() => {});
  show().then(() => $("person").hidden || $("name").focus({ preventScroll: true }));
});
window.addEventListener("hashchange", () => /^#(key|user)=/.test(location.hash) && begin());
for (const input of document.querySelectorAll("input[name=layout]")) input.addEventListener("change", () => run("board", parts.board));
for (const input of document.querySelectorAll("input[name=form], input[name=width]")) input.addEventListener("change", parts.emailForm);
$("publish").addEventListener("click", () => run("email", parts.publish));
$("more").addEventListener("click", () => run("history", parts.earlier));
$("home").addEventListener("click", () => graph());
$("new-interest").addEventListener("submit", (event) => {
  event.preventDefault();
  run("interests", parts.addInterest);
});
for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault(); // the address names the person
    const section = document.querySelector(link.hash);
    section.scrollIntoView();
    section.querySelector("input, button, [tabindex]")?.focus({ preventScroll: true });
  });
}
let settle = 0;
window.addEventListener("resize", () => {
  clearTimeout(settle);
  settle = setTimeout(() => parts.graph.redraw?.(), 150);
});
if (matchMedia("(max-width: 640px)").matches) document.querySelector("input[value=story]").checked = true; // a wide board is not legible there
begin();
