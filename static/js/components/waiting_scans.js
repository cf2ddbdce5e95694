/** Keeps the list of scans that the teacher can admit up to date. */
import { clock, setText } from "../lib/text.js";

export function showWaiting(section, scans) {
  if (!section) return;
  const list = section.querySelector("[data-waiting-list]");
  const shown = new Map([...list.children].map((item) => [item.dataset.student, item]));
  for (const scan of scans) {
    if (!shown.delete(scan.student_id)) list.append(newItem(section, scan));
  }
  for (const removed of shown.values()) removed.remove();
  setText(section.querySelector("[data-waiting-count]"), scans.length);
  section.hidden = scans.length === 0;
}

function newItem(section, scan) {
  const item = section.querySelector("template").content.firstElementChild.cloneNode(true);
  item.dataset.student = scan.student_id;
  for (const name of item.querySelectorAll("[data-name]")) setText(name, ` ${scan.name}`);
  setText(item.querySelector("[data-time]"), clock(scan.scanned_at));
  item.querySelector("[data-not-enrolled-then]").hidden = !scan.not_enrolled_then;
  item.querySelector("button").value = scan.student_id;
  return item;
}
