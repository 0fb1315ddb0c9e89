// The parts of a person's page: each asks, then shows. A part that is no longer wanted is aborted, and shows nothing.
import { json, made, post, call } from "./api.js";
import { $, day, label, make, money, number, vector } from "./elements.js";
import { draw } from "./graph.js";

const path = (user) => `/v1/users/${encodeURIComponent(user)}`;
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

export async function profile(user, { signal }) {
  const data = await json(path(user), signal);
  $("name").textContent = `Person ${user}`;
  const span = data.first_at ? `${day(data.first_at)} – ${day(data.last_at)}` : "nothing yet";
  const mail = data.consent === null ? "nothing said" : data.consent ? "agreed" : "refused";
  const figures = { "Lines bought": number(data.purchases), "Different products": number(data.products), Between: span, Marketing: mail };
  for (const [name, value] of Object.entries(data.traits)) figures[label(name)] = String(value);
  $("figures").replaceChildren(...Object.entries(figures).map(([term, told]) => make("div", "", {}, make("dt", term), make("dd", told))));
  const most = Math.max(...data.top_categories.map((each) => each.share), 0.001);
  bars("tastes", data.top_categories.map((each) => [each.title, each.share / most, `${number(each.share * 100, 1)} %`]), "Nothing bought yet.");
}

function bars(id, rows, nothing) {
  const items = rows.map(([name, share, figure]) => {
    const bar = make("span", "", { class: "bar", style: `--share: ${share}` });
    return make("li", "", {}, make("span", name), make("span", figure, { class: "figure" }), bar);
  });
  $(id).replaceChildren(...(items.length ? items : [make("li", nothing, { class: "nothing" })]));
}

export async function interests(user, { signal }) {
  const data = await json(`${path(user)}/interests`, signal);
  const rows = data.items.map((each) => {
    const score = Number(each.stated ?? each.observed);
    return [each.title, Math.min(Math.max(score, 0), 1), `${each.stated === null ? "shown" : "told"} ${number(score, 2)}`];
  });
  bars("interests", rows, "Nothing told or shown yet.");
}

export async function addInterest(user, { signal, tell }) {
  const name = $("interest").value.trim();
  await post(`${path(user)}/interests`, { name }, signal);
  $("interest").value = "";
  const known = async () => (await json(`${path(user)}/interests`, signal)).items.some((each) => each.name.toLowerCase() === name.toLowerCase());
  for (let tries = 0; tries < 20 && !(await known()); tries++) {
    tell(`${name} is on its way to the graph …`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  signal.throwIfAborted();
  await interests(user, { signal });
}

export async function offers(user, { signal, react }) {
  const data = await json(`${path(user)}/recommendations?limit=8`, signal);
  $("served").textContent = `Served by ${data.served_by}; decision ${data.decision_id.slice(0, 8)}`;
  for (const [slate, id] of [["buy_again", "again"], ["discover", "discover"]]) {
    const cards = data[slate].map((item) => card(item, react));
    $(id).replaceChildren(...(cards.length ? cards : [make("li", "Nothing to suggest here yet.", { class: "nothing" })]));
  }
}

function card(item, react) {
  const element = make("li");
  if (item.image_url) element.append(make("img", "", { src: item.image_url, alt: "", loading: "lazy" }));
  element.append(make("strong", item.name), make("p", item.reason, { class: "reason" }));
  const parts = Object.entries(item.parts).map(([name, value]) => `${name.replaceAll("_", " ")} ${number(value, 2)}`);
  const price = item.price ? `${money(item.price, item.currency)} · ` : "";
  element.append(make("p", `${price}score ${number(item.score, 2)}`, { class: "score", title: parts.join(" · ") }));
  const actions = [["wished", "Love it"], ["dismissed", "Not for me"]].map(([kind, label]) => {
    const button = make("button", label, { type: "button", "aria-label": `${label}: ${item.name}` });
    button.addEventListener("click", () => react(item, kind, element));
    return button;
  });
  element.append(make("p", "", { class: "actions" }, ...actions));
  return element;
}

export async function tellTaste(user, item, kind, element) {
  await post(`${path(user)}/interests`, { product_id: item.product_id, kind, source: "board" });
  const said = kind === "wished" ? `Noted: you love ${item.name}.` : `${item.name} stays away.`;
  element.replaceChildren(make("p", said, { class: "reason", tabindex: "-1", role: "status" }));
  element.firstChild.focus();
}

export async function board(user, { signal, tell }) {
  const image = $("board");
  tell("Being made …");
  const layout = chosen("layout");
  const answer = await made("/v1/boards", { user_id: user, layout }, signal, (seconds) => tell(`Still being made: ${seconds} s`));
  const picture = await call(`/v1/boards/${encodeURIComponent(answer.board_id)}/picture?format=webp`, signal);
  const blob = await picture.blob();
  signal.throwIfAborted();
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.alt = answer.board.alt || `Vision board of person ${user}`;
  [image.className, image.hidden] = [layout, false];
  if (answer.fallback) tell(`A simpler board: ${answer.fallback_reason || answer.fallback}`);
}

export async function email(user, { signal, tell }) {
  tell("Being made …");
  const answer = await made("/v1/emails", { user_id: user, preview: true }, signal, (seconds) => tell(`Still being made: ${seconds} s`));
  const skipped = !answer.subject;
  $("email").hidden = $("publishing").hidden = skipped;
  if (skipped) return tell(`No email: ${answer.detail || answer.reason}`);
  [$("subject").textContent, $("preheader").textContent] = [answer.subject, answer.preheader];
  $("mail").srcdoc = answer.html;
  $("text").textContent = answer.text;
}

export function emailForm() {
  const plain = chosen("form") === "text";
  [$("mail").hidden, $("text").hidden] = [plain, !plain];
  $("email").classList.toggle("narrow", chosen("width") === "narrow");
}

export async function publish(user, { signal, tell }) {
  tell("Being made …");
  const answer = await made("/v1/emails", { user_id: user }, signal, (seconds) => tell(`Still being made: ${seconds} s`));
  tell(answer.email_id && answer.subject ? `Published as ${answer.email_id}.` : `Not published: ${answer.detail || answer.reason}`);
}

export async function history(user, { signal }) {
  const trends = await json(`/v1/trends?by=total&period=month&user_id=${encodeURIComponent(user)}`, signal);
  chart(trends.items);
  $("history").replaceChildren();
  $("more").dataset.token = "";
  await earlier(user, { signal });
}

export async function earlier(user, { signal }) {
  const token = encodeURIComponent($("more").dataset.token);
  const data = await json(`${path(user)}/timeline?page_size=24&page_token=${token}`, signal);
  $("history").append(...data.items.map(entry));
  $("more").dataset.token = data.next_page_token;
  $("more").hidden = !data.next_page_token;
}

const WORDS = { wished: "Loves", dismissed: "Does not want", stated: "Likes", viewed: "Looked at", rated: "Rated" };

function entry(event) {
  const { kind, data } = event;
  const lines = event.titles;
  const more = lines.length > 4 ? ` and ${lines.length - 4} more` : "";
  const told = {
    purchase: lines.slice(0, 4).join(", ") + more,
    refund: `Gave back ${lines.slice(0, 4).join(", ")}${more}`,
    interest: `${WORDS[data.kind] || "Likes"} ${data.name || data.product_id}`,
    user: "Their particulars changed",
  }[kind];
  return make("li", "", { class: kind }, make("time", day(event.at), { datetime: event.at }), make("span", told || kind));
}

function chart(rows) {
  const shown = rows.slice(-18);
  const most = Math.max(...shown.map((row) => Number(row.revenue)), 1);
  const total = rows.reduce((sum, row) => sum + Number(row.revenue), 0);
  const currencies = [...new Set(rows.map((row) => row.currency))];
  $("spent").textContent = currencies.length === 1 ? `${money(total, currencies[0])} in all` : "";
  const svg = vector("svg", { viewBox: `0 0 ${Math.max(shown.length * 56, 220)} 150`, role: "img", "aria-label": shown.map((row) => `${row.start.slice(0, 7)}: ${money(row.revenue, row.currency)}`).join("; ") });
  svg.style.minWidth = `${shown.length * 40}px`;
  svg.style.maxWidth = `${Math.max(shown.length, 4) * 72}px`;
  shown.forEach((row, at) => {
    const height = (Number(row.revenue) / most) * 100;
    const middle = at * 56 + 22;
    svg.append(vector("rect", { class: "bar", x: at * 56, y: 120 - height, width: 44, height, rx: 3 }));
    svg.append(vector("text", { x: middle, y: 138 }, row.start.slice(2, 7)), vector("text", { x: middle, y: 114 - height }, number(row.revenue)));
  });
  $("chart").replaceChildren(svg);
}

export async function graph(user, { signal, around, choose }) {
  const { kind, id } = around || { kind: "user", id: user };
  const ask = () => json(`/v1/graph/neighbourhood?kind=${kind}&id=${encodeURIComponent(id)}&depth=2&limit=36`, signal);
  const first = await ask();
  const data = first.partial ? await ask() : first; // what an engine had no time for at first is often ready by then
  $("home").hidden = kind === "user" && id === user;
  $("home").textContent = `Back to person ${user}`;
  draw($("graph"), data, choose);
  graph.redraw = () => draw($("graph"), data, choose);
}
