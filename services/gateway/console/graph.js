// The neighbourhood: nodes in columns, each on a row of its own, so that no label can touch another one.
import { vector } from "./elements.js";

const ROW = 30;
const TOP = 44;
const NARROW = 640;
const TITLES = { user: "People", product: "Products", interest: "Categories and interests" };

// Columns: people with the middle, then products, then interests; one column with arcs beside it where there is no room.
export function laid(nodes, width) {
  const kinds = Object.keys(TITLES).filter((kind) => nodes.some((node) => node.kind === kind));
  const groups = kinds.map((kind) => ({ kind, nodes: nodes.filter((node) => node.kind === kind).sort((a, b) => a.depth - b.depth) }));
  const narrow = width < NARROW;
  const heads = [];
  const places = new Map();
  let y = TOP;
  groups.forEach((group, column) => {
    const x = narrow ? 96 : 70 + (column * (width - 70)) / kinds.length;
    if (!narrow) y = TOP;
    heads.push({ text: TITLES[group.kind], x: x - 8, y: y - 20 });
    for (const node of group.nodes) {
      places.set(node.uid, { x, y });
      y += ROW;
    }
    if (narrow) y += 30;
  });
  const height = Math.max(...[...places.values()].map((place) => place.y)) + ROW;
  const room = (narrow ? width - 112 : (width - 70) / kinds.length - 110);
  return { places, heads, height, room };
}

function line(a, b) {
  if (a.x === b.x) {
    const bulge = Math.min(18 + Math.abs(a.y - b.y) * 0.22, 66);
    return `M${a.x} ${a.y} C${a.x - bulge} ${a.y} ${b.x - bulge} ${b.y} ${b.x} ${b.y}`;
  }
  const [left, right] = a.x < b.x ? [a, b] : [b, a];
  const half = (right.x - left.edge) / 2;
  return `M${left.end} ${left.y} H${left.edge} C${left.edge + half} ${left.y} ${right.x - half} ${right.y} ${right.x} ${right.y}`;
}

const called = (node) => (node.kind === "user" ? `Person ${node.name || node.id}` : node.title || node.id);

// Shorten a label to its column and return its length; what it says in full is in the node's name for readers and its tooltip.
function shorten(text, room) {
  while (text.getComputedTextLength() > room && text.textContent.length > 4) text.textContent = `${text.textContent.slice(0, -2).trimEnd()}…`;
  return text.getComputedTextLength();
}

export function draw(host, data, choose) {
  const width = Math.max(host.clientWidth, 280);
  const { places, heads, height, room } = laid(data.nodes, width);
  const svg = vector("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${data.nodes.length} nodes and ${data.edges.length} edges` });
  host.replaceChildren(svg);
  for (const head of heads) svg.append(vector("text", { class: "head", x: head.x, y: head.y }, head.text));
  const edges = data.edges.filter((edge) => places.has(edge.source) && places.has(edge.target));
  const drawn = data.nodes.map((node, at) => dot(node, places.get(node.uid), edges, at === 0));
  svg.append(...drawn);
  drawn.forEach((group, at) => {
    const place = places.get(data.nodes[at].uid);
    place.end = place.x + 22 + shorten(group.querySelector("text"), room); // an edge leaves where the label ends
  });
  for (const place of places.values()) place.edge = Math.max(...[...places.values()].filter(({ x }) => x === place.x).map(({ end }) => end));
  const paths = edges.map((edge) => vector("path", { class: "edge", d: line(places.get(edge.source), places.get(edge.target)) }));
  svg.prepend(...paths);
  wire(svg, data.nodes, drawn, edges, paths, choose);
}

function dot(node, place, edges, first) {
  const links = edges.filter((edge) => edge.source === node.uid || edge.target === node.uid).length;
  const name = `${called(node)}, ${node.kind}, ${links} ${links === 1 ? "edge" : "edges"}`;
  const group = vector("g", { class: `node ${node.kind}${node.depth ? "" : " middle"}`, role: "button", tabindex: first ? 0 : -1, "aria-label": name });
  group.append(vector("title", {}, name), vector("circle", { cx: place.x, cy: place.y, r: node.depth ? 6 : 10 }), vector("text", { x: place.x + 16, y: place.y + 4 }, called(node)));
  return group;
}

// One stop of the tab key; arrows walk from node to node; the node in hand shows its edges.
function wire(svg, nodes, drawn, edges, paths, choose) {
  const light = (node) => paths.forEach((path, at) => path.classList.toggle("lit", Boolean(node) && [edges[at].source, edges[at].target].includes(node.uid)));
  const rows = [...nodes.keys()].sort((a, b) => order(drawn[a]) - order(drawn[b]));
  drawn.forEach((group, at) => {
    for (const event of ["pointerenter", "focus"]) group.addEventListener(event, () => light(nodes[at]));
    for (const event of ["pointerleave", "blur"]) group.addEventListener(event, () => light(null));
    group.addEventListener("click", () => choose(nodes[at]));
    group.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") choose(nodes[at]);
      else if (!step) return;
      else {
        const next = drawn[rows[(rows.indexOf(at) + step + rows.length) % rows.length]];
        drawn.forEach((each) => each.setAttribute("tabindex", each === next ? 0 : -1));
        next.focus();
      }
      event.preventDefault();
    });
  });
}

const order = (group) => {
  const circle = group.querySelector("circle");
  return Number(circle.getAttribute("cx")) * 1e5 + Number(circle.getAttribute("cy"));
};
