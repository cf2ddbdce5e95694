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
 * @param {(mark: {session: string, record: object, change: number|null, stats: object}) => void} options.onMarked
 */
export function markDialog({ onMarked }) {
  const dialog = document.getElementById("mark-dialog");
  const form = dialog.querySelector("form");
  const error = dialog.querySelector("[data-error]");
  let session = "";
  let sending = false;

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".mark-link");
    const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    if (!link || opensElsewhere) return;
    event.preventDefault();
    const item = link.closest("[data-student]");
    form.reset();
    session = item.dataset.session;
    form.elements.student.value = item.dataset.student;
    for (const part of COPIED) setText(dialog.querySelector(part), item.querySelector(part)?.textContent);
    dialog.querySelector("[data-take-back]").hidden = !MARKED.has(item.dataset.state);
    dialog.querySelector("[data-history]").href = new URL(`../history/${link.search}`, link.href);
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
    const records = dialog.dataset.recordsUrl.replace("00000000", session);
    const url = `${records}${encodeURIComponent(form.elements.student.value)}/`;
    try {
      const status = value === "none" ? null : value;
      const answer = await putJSON(url, { status, note: form.elements.note.value });
      dialog.close();
      onMarked({ session, ...answer });
    } catch (problem) {
      setText(error, problem.isTemporary ? error.dataset.offline : problem.detail || problem.message);
    } finally {
      sending = false;
      dialog.removeAttribute("aria-busy");
    }
  });
}
