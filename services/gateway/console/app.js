"use strict";
// Shows one person through the API. The key comes from the address's fragment, which no server ever sees.
const $ = (id) => document.getElementById(id);
const state = { key: "", user: "" };

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${state.key}`, ...(options.body ? { "Content-Type": "application/json" } : {}) };
  const response = await fetch(path, { ...options, headers });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || `The server answered ${response.status}.`);
  }
  return response;
}
const json = async (path) => (await call(path)).json();
const post = async (path, body) => (await call(path, { method: "POST", body: JSON.stringify(body) })).json();
const make = (tag, text, attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text || "";
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const vector = (tag, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
};
const person = () => `/v1/users/${encodeURIComponent(state.user)}`;
const tidy = (name) => (/[a-z]/.test(name) ? name : name.charAt(0) + name.slice(1).toLowerCase());

async function profile() {
  const data = await json(person());
  $("name").textContent = `Person ${state.user}`;
  const days = data.first_at ? `${String(data.first_at).slice(0, 10)} to ${String(data.last_at).slice(0, 10)}` : "";
  $("summary").textContent = `${data.purchases || 0} purchases of ${data.products || 0} products. ${days}`;
  const tastes = (data.top_categories || []).map((each) => (Array.isArray(each) ? each[0] : each.name));
  $("tastes").replaceChildren(...tastes.map((each) => make("span", tidy(each))));
}

async function recommendations() {
  const data = await json(`${person()}/recommendations?limit=8`);
  for (const [slate, id] of [["buy_again", "again"], ["discover", "discover"]]) {
    const cards = (data[slate] || []).map((item) => card(item));
    $(id).replaceChildren(...(cards.length ? cards : [make("li", "Nothing to suggest here yet.")]));
  }
}

function card(item) {
  const element = make("li");
  element.append(make("strong", item.name), make("em", item.reason));
  const actions = make("p");
  for (const [kind, label] of [["wished", "Love it"], ["dismissed", "Not for me"]]) {
    const button = make("button", label, { type: "button" });
    button.addEventListener("click", () => react(item, kind, element));
    actions.append(button);
  }
  element.append(actions);
  return element;
}

async function react(item, kind, element) {
  await guarded(async () => {
    await post(`${person()}/interests`, { product_id: item.product_id, kind, source: "board" });
    element.replaceChildren(make("em", kind === "wished" ? "Noted: you love it." : "It stays away."));
  });
}

async function board() {
  const made = await post("/v1/boards", { user_id: state.user, layout: $("layout").value });
  const id = made.board_id || (made.board && made.board.board_id) || made.id;
  const picture = await call(`/v1/boards/${encodeURIComponent(id)}/picture?format=png`);
  $("board").src = URL.createObjectURL(await picture.blob());
  $("board").alt = `Vision board of person ${state.user}`;
}

async function email() {
  const made = await post("/v1/emails", { user_id: state.user });
  $("subject").textContent = made.subject || "No email";
  $("preheader").textContent = made.preheader || made.detail || "";
  const id = encodeURIComponent(made.email_id || made.id || "");
  if (!made.subject) return;
  $("mail").srcdoc = made.html || (await (await call(`/v1/emails/${id}/html`)).text());
  $("text").textContent = made.text || (await (await call(`/v1/emails/${id}/text`)).text());
}

async function timeline() {
  const data = await json(`${person()}/purchases?page_size=40`);
  const items = data.items || data.purchases || [];
  const rows = items.map((each) => {
    const when = String(each.purchased_at || each.at || "").slice(0, 10);
    const lines = each.lines || (each.data && each.data.lines) || [];
    const row = make("li");
    row.append(make("time", when), make("span", lines.slice(0, 3).map((line) => tidy(line.name || line.product_id)).join(", ")));
    return row;
  });
  $("history").replaceChildren(...rows);
  const trends = await json(`/v1/trends?by=total&period=month&user_id=${encodeURIComponent(state.user)}`);
  chart(trends.items || trends.rows || trends);
}

function chart(rows) {
  const svg = vector("svg", { viewBox: "0 0 720 150", role: "img", "aria-label": "Spent by month" });
  const most = Math.max(...rows.map((row) => Number(row.revenue)), 1);
  rows.slice(-18).forEach((row, at) => {
    const height = (Number(row.revenue) / most) * 100;
    svg.append(vector("rect", { class: "bar", x: at * 40, y: 115 - height, width: 26, height, rx: 3 }));
    svg.append(vector("text", { x: at * 40 + 1, y: 134 }, row.start.slice(2, 7)));
    svg.append(vector("text", { x: at * 40 + 1, y: 109 - height }, String(Math.round(Number(row.revenue)))));
  });
  $("chart").replaceChildren(svg);
}

async function neighbourhood() {
  const data = await json(`/v1/graph/neighbourhood?kind=user&id=${encodeURIComponent(state.user)}&depth=2&limit=36`);
  const svg = vector("svg", { viewBox: "0 0 1000 720", role: "img", "aria-label": "The graph around this person" });
  const places = new Map();
  for (const depth of [0, 1, 2, 3]) {
    const ring = data.nodes.filter((node) => node.depth === depth);
    ring.forEach((node, at) => places.set(node.uid, place(depth, at, ring.length)));
  }
  for (const edge of data.edges) {
    const [a, b] = [places.get(edge.source), places.get(edge.target)];
    if (a && b) svg.append(vector("line", { class: "edge", x1: a.x, y1: a.y, x2: b.x, y2: b.y }));
  }
  for (const node of data.nodes) {
    const at = places.get(node.uid);
    const dot = vector("circle", { class: node.kind, cx: at.x, cy: at.y, r: node.depth ? 7 : 14 });
    dot.append(vector("title", {}, `${node.kind}: ${node.name}`));
    const left = at.x < 500;
    svg.append(dot, vector("text", { x: at.x + (left ? -11 : 11), y: at.y + 4, "text-anchor": left ? "end" : "start" }, tidy(node.name).slice(0, 24)));
  }
  $("graph").replaceChildren(svg);
}

function place(depth, at, count) {
  const angle = (2 * Math.PI * (at + 0.5 * (depth % 2))) / Math.max(count, 1) - Math.PI / 2;
  return { x: 500 + depth * 165 * Math.cos(angle), y: 360 + depth * 160 * Math.sin(angle) };
}

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    $("notice").textContent = error.message;
    $("notice").hidden = false;
  }
}

async function show() {
  $("notice").hidden = true;
  $("person").hidden = true; // an unknown person must not stand under another one's page
  await guarded(async () => {
    await profile();
    $("person").hidden = false;
    await Promise.all([recommendations, timeline, neighbourhood, email, board].map((part) => guarded(part)));
  });
  document.body.dataset.ready = "yes";
}

async function people() {
  const data = await json("/v1/users?limit=100");
  const ids = (data.items || data.users || []).map((each) => (typeof each === "string" ? each : each.user_id));
  $("users").replaceChildren(...ids.map((id) => make("option", "", { value: id })));
}

function begin() {
  const given = new URLSearchParams(location.hash.slice(1));
  state.key = given.get("key") || sessionStorage.getItem("key") || "";
  state.user = given.get("user") || "";
  if (given.get("key")) {
    sessionStorage.setItem("key", state.key);
    window.history.replaceState(null, "", "/"); // the key has no business in the address bar
  }
  $("key").value = state.key;
  $("user").value = state.user;
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    [state.key, state.user] = [$("key").value.trim(), $("user").value.trim()];
    sessionStorage.setItem("key", state.key);
    guarded(people);
    show();
  });
  $("layout").addEventListener("change", () => guarded(board));
  for (const [id, narrow, plain] of [["wide", false, false], ["narrow", true, false], ["plain", false, true]]) {
    $(id).addEventListener("click", () => {
      $("mail").classList.toggle("narrow", narrow);
      $("mail").hidden = plain;
      $("text").hidden = !plain;
    });
  }
  if (state.key) guarded(people);
  if (state.key && state.user) show();
}

begin();
