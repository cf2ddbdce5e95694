/** The names of those who came last, the newest first; only where the teacher turned names on. */
import { getJSON } from "./http.js";
import { poll } from "./poll.js";

const EVERY_MS = 2000;
// So soon a screen notices that names were turned on.
const WHILE_OFF_MS = 5000;
const TIMEOUT_MS = 4000;
const CALM = { duration: 600, easing: "ease-out" };

/**
 * @param {HTMLElement} list holds an item for each name, with `data-at` the moment; hidden where names are off
 * @param {string} url
 */
export function showLatest(list, url) {
  poll(
    async (signal) => {
      const { data } = await getJSON(url, { signal, timeout: TIMEOUT_MS });
      list.hidden = !data.names_on_screen;
      show(list, data.latest);
      return data.names_on_screen ? EVERY_MS : WHILE_OFF_MS;
    },
    { every: EVERY_MS, slowest: WHILE_OFF_MS },
  );
}

function show(list, latest) {
  const known = new Map([...list.children].map((item) => [keyOf(item), item]));
  const places = new Map([...list.children].map((item) => [item, item.getBoundingClientRect()]));
  const items = latest.map(({ name, at }) => known.get(`${at} ${name}`) ?? itemOf(name, at));
  const unchanged = items.length === list.children.length && items.every((item, place) => item === list.children[place]);
  if (unchanged) return;
  list.replaceChildren(...items);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const item of items) {
    const was = places.get(item);
    if (!was) {
      item.animate([{ opacity: 0 }, { opacity: 1 }], CALM);
      continue;
    }
    const is = item.getBoundingClientRect();
    const moved = `translate(${was.left - is.left}px, ${was.top - is.top}px)`;
    item.animate([{ transform: moved }, { transform: "none" }], CALM);
  }
}

const keyOf = (item) => `${item.dataset.at} ${item.textContent}`;

function itemOf(name, at) {
  const item = document.createElement("li");
  item.dataset.at = at;
  item.textContent = name;
  return item;
}
