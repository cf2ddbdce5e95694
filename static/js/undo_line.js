/**
 * The line at the foot of the page that says what was just entered by hand, and undoes it; then the mark before that.
 * Ctrl+Z does the same wherever one isn't typing.
 */
import { postJSON } from "./http.js";
import { setText } from "./text.js";

const KEPT = 50;

/**
 * @param {object} options
 * @param {(state: string) => string} options.wordOf what the list calls a state
 * @param {(session: string, answer: {record: object, stats: object}) => void} options.onUndone
 * @returns {{done: (mark: {session: string, record: object, change: number|null}) => void}}
 */
export function undoLine({ wordOf, onUndone }) {
  const region = document.getElementById("undo-line");
  const box = region.querySelector(".undo-box");
  const button = region.querySelector("[data-undo]");
  const words = region.dataset;
  const marks = [];
  let sending = false;

  function show(text) {
    setText(region.querySelector("[data-text]"), text);
    const next = marks.at(-1);
    setText(region.querySelector("[data-undo-name]"), next?.name ?? "");
    button.hidden = !next;
    box.hidden = false;
  }

  function say(text, record) {
    const state = record.status ?? (record.joined_at ? "joined" : "none");
    show(text.replace("NAME", () => record.name).replace("STATE", () => wordOf(state)));
  }

  async function undo() {
    const mark = marks.at(-1);
    if (!mark || sending) return;
    sending = true;
    try {
      const answer = await postJSON(words.url.replace("00000000", mark.session), { change: mark.change });
      marks.pop();
      onUndone(mark.session, answer);
      say(words.wordUndone, answer.record);
    } catch (problem) {
      if (!problem.isTemporary) marks.pop();
      show(problem.isTemporary ? words.wordOffline : problem.detail || problem.message);
    } finally {
      sending = false;
    }
  }

  button.addEventListener("click", undo);
  region.querySelector("[data-close]").addEventListener("click", () => (box.hidden = true));
  document.addEventListener("keydown", (event) => {
    const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isUndo || !marks.length) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    undo();
  });

  return {
    done({ session, record, change }) {
      if (!change) return;
      marks.push({ session, change, name: record.name });
      if (marks.length > KEPT) marks.shift();
      say(words.wordDone, record);
    },
  };
}
