/**
 * Shows live counts from the API in elements with `data-stat="total_present"` and the like, and in bars
 * (templates/parts/bar.html). Elements inside `data-session` show that session of a group. All others show the page's
 * session or group. Elements with `data-nobody-marked` are hidden as soon as somebody is present, and those with
 * `data-joined` while nobody joins a class that is taken without phones.
 */
import { setText } from "../lib/text.js";

const number = new Intl.NumberFormat(document.documentElement.lang, { useGrouping: false });

let newest = Date.parse(document.querySelector("[data-as-of]")?.dataset.asOf) || 0;

/** Whether these counts are at least as new as the page and as those of the last call. */
export function isCurrent(stats) {
  const at = Date.parse(stats.as_of);
  if (at < newest) return false;
  newest = at;
  return true;
}

export function showCounts(stats) {
  for (const element of document.querySelectorAll("[data-nobody-marked]")) element.hidden = stats.total_present > 0;
  for (const element of document.querySelectorAll("[data-joined]")) element.hidden = !showsJoined(stats);
  show(stats, document.body, null);
}

/** As `shows_joined` of qrsessions/views/session_context.py. */
function showsJoined({ status, total_joined, total_present }) {
  if (total_joined > 0 || status === "created" || status === "locked") return true;
  return status === "active" && total_present === 0;
}

/**
 * Show the counts of each session of a group in its row.
 * @returns {boolean} whether the rows are exactly these sessions
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
  const belongs = (element) => element.closest("[data-session]") === row;
  for (const element of [...root.querySelectorAll("[data-stat]")].filter(belongs)) {
    setText(element, number.format(stats[element.dataset.stat]));
  }
  for (const bar of [...root.querySelectorAll("[data-bar]")].filter(belongs)) {
    bar.setAttribute("viewBox", `0 0 ${stats.total_students || 1} 10`);
    bar.querySelector(".present").setAttribute("width", stats.total_present);
    bar.querySelector(".joined").setAttribute("width", stats.total_joined);
  }
}
