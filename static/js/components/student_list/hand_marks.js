/**
 * Sends marks by hand, one after another, while the teacher goes on. The bar at the bottom of the page shows those that
 * are not saved yet and the last one that is, and undoes it, then the one before. Ctrl+Z does the same outside text fields.
 */
import { postJSON, putJSON } from "../../lib/http.js";
import { SendQueue } from "../../lib/send_queue.js";
import { setText } from "../../lib/text.js";
import { labelOf, stateOf } from "./student_states.js";
import { UnsentList } from "./unsent_list.js";

const MAX_MARKS = 50;

/**
 * @param {object} options
 * @param {(session: string, answer: {record: object, stats: object}) => void} options.onSaved called after each mark and
 *   each undoing
 * @returns {{mark: (mark: object) => void, hasUnsent: () => boolean}} `mark` takes what the dialog gives
 */
export function handMarks({ onSaved }) {
  const region = document.getElementById("undo-line");
  const box = region.querySelector(".undo-box");
  const button = region.querySelector("[data-undo]");
  const texts = region.dataset;
  const unsent = new UnsentList(region.querySelector("[data-unsent]"), { nameOf, focusAfter: button });
  const queue = new SendQueue(`marks:${texts.user}:${location.pathname}`, { send, onChange, onSent });
  // The marks that can be undone. `change` is what the server calls it, once it is saved.
  const marks = [];

  async function send({ session, student, status, label, reason, note, undoes, change }) {
    const url = urlFor(texts.recordsUrl, session) + `${encodeURIComponent(student)}/`;
    if (!undoes) return putJSON(url, { status, label, reason, note });
    // The mark was refused or changed nothing, so there is nothing to undo.
    return change ? postJSON(urlFor(texts.url, session), { change }) : null;
  }

  function onChange(entry) {
    unsent.show(entry, queue);
    if (entry.state === "failed") forget(entry.id);
  }

  function onSent(entry, answer) {
    unsent.remove(entry);
    if (!entry.undoes) rememberChange(entry, answer.change);
    if (!answer) return;
    onSaved(entry.session, answer);
    if (entry.undoes || answer.change) showResult(entry.undoes ? texts.wordUndone : texts.wordDone, answer.record);
  }

  /** Keep the change for undoing the mark, which may already wait in the queue. */
  function rememberChange({ id, session, name }, change) {
    const undoing = queue.entries.find((entry) => entry.undoes === id);
    if (undoing) undoing.change = change;
    else if (!change) forget(id);
    else if (marks.some((mark) => mark.id === id)) marks.find((mark) => mark.id === id).change = change;
    else remember({ id, session, name, change });
  }

  function remember(mark) {
    marks.push(mark);
    if (marks.length > MAX_MARKS) marks.shift();
    showButton();
  }

  function forget(id) {
    const place = marks.findIndex((mark) => mark.id === id);
    if (place >= 0) marks.splice(place, 1);
    showButton();
  }

  function undo() {
    const mark = marks.pop();
    showButton();
    if (mark) queue.add({ undoes: mark.id, session: mark.session, name: mark.name, change: mark.change });
  }

  function showButton() {
    const next = marks[marks.length - 1];
    setText(region.querySelector("[data-undo-name]"), next?.name ?? "");
    button.hidden = !next;
  }

  function showResult(text, record) {
    const shown = text.replace("NAME", () => record.name).replace("STATE", () => labelOf(stateOf(record), record.label));
    setText(region.querySelector("[data-text]"), shown);
    box.hidden = false;
  }

  /** What the list of unsaved marks calls an entry. */
  function nameOf({ name, status, label, undoes }) {
    const text = undoes ? texts.wordUndo : status ? texts.wordDone : texts.wordRemove;
    return text.replace("NAME", () => name).replace("STATE", () => labelOf(status, label));
  }

  button.addEventListener("click", undo);
  box.querySelector("[data-close]").addEventListener("click", () => (box.hidden = true));
  document.addEventListener("keydown", (event) => {
    const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isUndo || !marks.length) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    undo();
  });
  queue.start();

  return {
    mark(values) {
      const { id, session, name } = queue.add(values);
      remember({ id, session, name, change: null });
    },
    hasUnsent: () => queue.hasUnsent,
  };
}

const urlFor = (url, session) => url.replace("00000000", session);
