/** The list of scans that wait for the teacher, kept as the server has it. */
import { clock } from "./student_rows.js";
import { setText } from "./text.js";

export function showWaiting(section, scans) {
  if (!section) return;
  const list = section.querySelector("[data-waiting-list]");
  const shown = new Map([...list.children].map((item) => [item.dataset.student, item]));
  for (const scan of scans) {
    if (!shown.delete(scan.student_id)) list.append(newItem(section, scan));
  }
  for (const gone of shown.values()) gone.remove();
  setText(section.querySelector("[data-waiting-count]"), scans.length);
  section.hidden = scans.length === 0;
}

function newItem(section, scan) {
  const item = section.querySelector("template").content.firstElementChild.cloneNode(true);
  item.dataset.student = scan.student_id;
  for (const name of item.querySelectorAll("[data-name]")) setText(name, ` ${scan.name}`);
  setText(item.querySelector("[data-time]"), clock(scan.scanned_at));
  item.querySelector("button").value = scan.student_id;
  return item;
}
