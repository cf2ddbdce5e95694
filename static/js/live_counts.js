/**
 * Shows the live counts of an answer of the API wherever the page has a place for them:
 * `data-stat="total_present"` and the like, and bars (templates/parts/bar.html).
 */
import { setText } from "./text.js";

const number = new Intl.NumberFormat(document.documentElement.lang, { useGrouping: false });

export function showCounts(stats) {
  for (const element of document.querySelectorAll("[data-stat]")) {
    setText(element, number.format(stats[element.dataset.stat]));
  }
  for (const bar of document.querySelectorAll("[data-bar]")) {
    bar.setAttribute("viewBox", `0 0 ${stats.total_students || 1} 10`);
    bar.querySelector(".present").setAttribute("width", stats.total_present);
    bar.querySelector(".joined").setAttribute("width", stats.total_joined);
  }
}
