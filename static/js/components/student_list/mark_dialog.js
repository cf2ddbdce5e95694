/**
 * Marking by hand in a dialog. The links of the list open it; it has the same form as the page they lead to. It closes at
 * once, and the mark is sent in the background.
 */
import { setText } from "../../lib/text.js";
import { isMark } from "./student_states.js";

const COPIED = ["[data-name]", "[data-roll]", "[data-word]", "[data-time]", "[data-how]"];

/**
 * @param {(mark: {session: string, student: string, name: string, status: string|null, label: string|null,
 *   reason: string|null, note: string}) => void} onMark the status is null to remove a mark
 */
export function markDialog(onMark) {
  const dialog = document.getElementById("mark-dialog");
  const form = dialog.querySelector("form");
  let session = "";

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".mark-link");
    const opensNewTab = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    // Without dialogs (Safari before 15.4) the link's own page does the same.
    if (!link || opensNewTab || !dialog.showModal) return;
    event.preventDefault();
    const item = link.closest("[data-student]");
    form.reset();
    session = item.dataset.session;
    form.elements.student.value = item.dataset.student;
    for (const part of COPIED) setText(dialog.querySelector(part), item.querySelector(part)?.textContent);
    dialog.querySelector("[data-take-back]").hidden = !isMark(item.dataset.state);
    dialog.querySelector("[data-history]").href = new URL(`../history/${link.search}`, link.href);
    // There are none at most institutions.
    if (form.elements.reason) form.elements.reason.value = item.dataset.reason ?? "";
    dialog.showModal();
    dialog.querySelector(".mark-choices [value=present]").focus();
  });

  form.addEventListener("submit", (event) => {
    const { name, value, formMethod, dataset } = event.submitter;
    if (formMethod === "dialog") return;
    event.preventDefault();
    dialog.close();
    const label = name === "label" ? value : null;
    const status = label ? dataset.meaning : value === "none" ? null : value;
    onMark({
      session,
      student: form.elements.student.value,
      name: dialog.querySelector("[data-name]").textContent,
      status,
      label,
      // It is chosen for the case of an excuse.
      reason: (status === "excused" && form.elements.reason?.value) || null,
      note: form.elements.note.value,
    });
  });
}
