/** The names of the latest arrivals, newest first, if the teacher has turned names on. */
import { getJSON } from "../../lib/http.js";
import { poll } from "../../lib/poll.js";

const POLL_MS = 2000;
const POLL_WHILE_OFF_MS = 5000;
const TIMEOUT_MS = 4000;
const ANIMATION = { duration: 600, easing: "ease-out" };

/**
 * @param {HTMLElement} list one item per name, with its time in `data-at`; hidden while names are off
 * @param {string} url
 */
export function showRecentNames(list, url) {
  poll(
    async (signal) => {
      const { data } = await getJSON(url, { signal, timeout: TIMEOUT_MS });
      list.hidden = !data.names_on_screen;
      show(list, data.latest);
      return data.names_on_screen ? POLL_MS : POLL_WHILE_OFF_MS;
    },
    { every: POLL_MS, slowest: POLL_WHILE_OFF_MS },
  );
}

function show(list, latest) {
  const known = new Map([...list.children].map((item) => [keyOf(item), item]));
  const boxes = new Map([...list.children].map((item) => [item, item.getBoundingClientRect()]));
  const items = latest.map(({ name, at }) => known.get(`${at} ${name}`) ?? newItem(name, at));
  const unchanged = items.length === list.children.length && items.every((item, index) => item === list.children[index]);
  if (unchanged) return;
  list.replaceChildren(...items);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const item of items) {
    const before = boxes.get(item);
    if (!before) {
      item.animate([{ opacity: 0 }, { opacity: 1 }], ANIMATION);
      continue;
    }
    const after = item.getBoundingClientRect();
    const moved = `translate(${before.left - after.left}px, ${before.top - after.top}px)`;
    item.animate([{ transform: moved }, { transform: "none" }], ANIMATION);
  }
}

const keyOf = (item) => `${item.dataset.at} ${item.textContent}`;

function newItem(name, at) {
  const item = document.createElement("li");
  item.dataset.at = at;
  item.dir = "auto";
  item.textContent = name;
  return item;
}
