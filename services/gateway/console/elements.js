// Elements made from data: always as text, never as markup.
export const $ = (id) => document.getElementById(id);

export function make(tag, text = "", attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function vector(tag, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
}

// What a trait is called: household_size → Household size. Products' and categories' names come tidy from the API.
export const label = (name) => name.charAt(0).toUpperCase() + name.slice(1).toLowerCase().replaceAll("_", " ");
export const number = (value, digits = 0) => Number(value).toLocaleString("en", { maximumFractionDigits: digits });
const dates = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
export const day = (at) => (at ? dates.format(new Date(at)) : "");
export function money(amount, currency) {
  const figure = Number(amount).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return currency ? `${figure} ${currency}` : figure;
}
