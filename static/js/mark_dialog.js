/**
 * Marking by hand without leaving the page: the links of the list open a dialog with the form of the page that
 * they lead to, and the form is sent by fetch.
 */
import { putJSON } from "./http.js";
import { setText } from "./text.js";

const COPIED = ["[data-name]", "[data-roll]", "[data-word]", "[data-time]", "[data-how]"];
const MARKED = new Set(["present", "late", "excused", "absent"]);

/**
 * @param {object} options
 * @param {string} options.recordsUrl the API's address of the records
 * @param {(answer: {record: object, stats: object}) => void} options.onMarked
 */
export function markDialog({ recordsUrl, onMarked }) {
  const dialog = document.getElementById("mark-dialog");
  const form = dialog.querySelector("form");
  const error = dialog.querySelector("[data-error]");
  let sending = false;

  document.getElementById("students")?.addEventListener("click", (event) => {
    const link = event.target.closest(".mark-link");
    const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    if (!link || opensElsewhere) return;
    event.preventDefault();
    const row = link.closest("[data-student]");
    form.reset();
    form.elements.student.value = row.dataset.student;
    for (const part of COPIED) setText(dialog.querySelector(part), row.querySelector(part).textContent);
    dialog.querySelector("[data-take-back]").hidden = !MARKED.has(row.dataset.state);
    setText(error, "");
    dialog.showModal();
    dialog.querySelector(".mark-choices .present").focus();
  });

  form.addEventListener("submit", async (event) => {
    const { value, formMethod } = event.submitter;
    if (formMethod === "dialog") return;
    event.preventDefault();
    if (sending) return;
    sending = true;
    dialog.setAttribute("aria-busy", "true");
    const url = `${recordsUrl}${encodeURIComponent(form.elements.student.value)}/`;
    try {
      const status = value === "none" ? null : value;
      onMarked(await putJSON(url, { status, note: form.elements.note.value }));
      dialog.close();
    } catch (problem) {
      setText(error, problem.isTemporary ? error.dataset.offline : problem.detail || problem.message);
    } finally {
      sending = false;
      dialog.removeAttribute("aria-busy");
    }
  });
}
