/**
 * Shows the live counts of an answer of the API wherever the page has a place for them:
 * `data-stat="total_present"` and the like, and bars (templates/parts/bar.html). What stands inside an element with
 * `data-session` is about that session of a group, and all else about the page's own session or group.
 */
import { setText } from "./text.js";

const number = new Intl.NumberFormat(document.documentElement.lang, { useGrouping: false });

let newest = Date.parse(document.querySelector("[data-as-of]")?.dataset.asOf) || 0;

/** Whether these numbers are as new as the page and those of the last call: the ones that dashboards share may be a second older. */
export function isCurrent(stats) {
  const at = Date.parse(stats.as_of);
  if (at < newest) return false;
  newest = at;
  return true;
}

export function showCounts(stats) {
  show(stats, document.body, null);
}

/**
 * Show the counts of each session of a group, in the rows of a list.
 * @returns {boolean} whether the list has a row for exactly these sessions
 */
export function showSections(list, sections) {
  const rows = new Map([...list.children].map((row) => [row.dataset.session, row]));
  for (const stats of sections) {
    const row = rows.get(stats.session);
    if (row) show(stats, row, row);
  }
  return rows.size === sections.length && sections.every((stats) => rows.has(stats.session));
}

function show(stats, root, row) {
  const own = (element) => element.closest("[data-session]") === row;
  for (const element of [...root.querySelectorAll("[data-stat]")].filter(own)) {
    setText(element, number.format(stats[element.dataset.stat]));
  }
  for (const bar of [...root.querySelectorAll("[data-bar]")].filter(own)) {
    bar.setAttribute("viewBox", `0 0 ${stats.total_students || 1} 10`);
    bar.querySelector(".present").setAttribute("width", stats.total_present);
    bar.querySelector(".joined").setAttribute("width", stats.total_joined);
  }
}
