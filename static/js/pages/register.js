/**
 * Editing the register of a term in its cells. Each change is shown at once and sent in the background; then the student's
 * row is fetched again from the server, which alone computes percentages. Without this script each cell leads to a page.
 */
import { gridKeys } from "../components/grid_keys.js";
import { getHTML, postJSON, putJSON } from "../lib/http.js";
import { SendQueue } from "../lib/send_queue.js";
import { setText } from "../lib/text.js";

const STATUS_OF_KEY = { p: "present", l: "late", e: "excused", a: "absent" };
const MAX_UNDONE = 50;

const table = document.getElementById("register");
const bar = document.getElementById("register-bar");
const dialog = document.getElementById("cell-dialog");
const form = dialog.querySelector("form");
const state = bar.querySelector("[data-state]");
const undoButton = bar.querySelector("[data-undo]");
const heads = [...table.tHead.rows[0].cells];
const [signs, labels] = ["status", "label"].map((kind) => {
  const described = [...document.querySelectorAll(`template[data-${kind}]`)];
  return new Map(
    described.map(({ dataset, content }) => [
      dataset[kind],
      { letter: dataset.letter, words: content.textContent, css: dataset.colour ?? "" },
    ]),
  );
});
// What each cell that is being saved showed before, by meeting and student.
const before = new Map();
// The changes that can be undone, the latest last.
const done = [];
let chosen = null;

const queue = new SendQueue(`register:${table.dataset.user}:${location.pathname}`, { send, onChange, onSent });
const grid = gridKeys(table, onKey);

function send({ meeting, student, status, label, reason, note, undoes, change }) {
  const url = `${urlOf("records", meeting)}${encodeURIComponent(student)}/`;
  if (!undoes) return putJSON(url, { status, label, reason, note });
  // The mark was refused or changed nothing, so there is nothing to undo.
  return change ? postJSON(urlOf("undo", meeting), { change }) : Promise.resolve(null);
}

function onChange(entry) {
  const cell = cellOf(entry);
  if (entry.state === "failed") {
    queue.remove(entry);
    forget(entry.id);
    setText(state, `${filled(bar.dataset.wordFailed, entry, cell)} ${entry.message}`);
    if (!cell) return;
    if (!isWaiting(entry)) {
      restore(entry, cell);
      // An earlier change of the cell may have been saved meanwhile.
      refresh(entry, cell);
    }
    showProblem(cell, entry.message);
  } else {
    if (entry.state === "waiting") setText(state, bar.dataset.wordWaiting);
    if (cell) showUnsaved(entry, cell);
  }
}

async function onSent(entry, answer) {
  const cell = cellOf(entry);
  if (!entry.undoes) rememberChange(entry, answer.change);
  if (isWaiting(entry)) return;
  before.delete(keyOf(entry));
  if (!cell) return;
  cell.classList.remove("unsaved");
  await refresh(entry, cell);
  setText(state, filled(entry.undoes ? bar.dataset.wordUndone : bar.dataset.wordSaved, entry, cell));
}

/** Show the student's row as the server has it now. */
async function refresh(entry, cell) {
  const row = cell.parentElement;
  try {
    const address = table.dataset.rowUrl.replace("STUDENT", () => encodeURIComponent(entry.student));
    const { html } = await getHTML(address + location.search);
    // A later change of the same student brings its own row.
    if (queue.entries.some(({ student }) => student === entry.student)) return;
    [...html.querySelector("tr").cells].forEach((one, index) => update(row.cells[index], one));
  } catch {
    // The mark is saved. The percentage is as it was until the page is loaded again.
  }
}

/** Make a cell like another one, and keep its link, which may have the focus. */
function update(cell, fresh) {
  cell.className = fresh.className;
  if (fresh.dataset.reason) cell.dataset.reason = fresh.dataset.reason;
  else delete cell.dataset.reason;
  const [link, other] = [cell.querySelector("a"), fresh.querySelector("a")];
  if (cell.tagName === "TD" && link && other) {
    setText(link, other.textContent);
    for (const name of ["href", "aria-label"]) link.setAttribute(name, other.getAttribute(name));
  } else {
    cell.replaceChildren(...fresh.childNodes);
  }
  for (const one of cell.querySelectorAll("a")) if (one !== link) one.tabIndex = -1;
}

function showUnsaved(entry, cell) {
  const link = cell.querySelector("a");
  if (!link) return;
  const key = keyOf(entry);
  if (!before.has(key)) {
    before.set(key, { css: cell.className, letter: link.textContent, words: link.getAttribute("aria-label") });
  }
  cell.querySelector(".problem")?.remove();
  // Only the server knows what an undo leads to.
  if (!entry.undoes) {
    const none = { letter: "–", words: bar.dataset.wordNone, css: "" };
    const sign = labels.get(entry.label) ?? signs.get(entry.status) ?? none;
    cell.className = `${entry.status ?? "none"} ${sign.css}`;
    setText(link, sign.letter);
    link.setAttribute("aria-label", sign.words);
  }
  cell.classList.add("unsaved");
}

function restore(entry, cell) {
  const was = before.get(keyOf(entry));
  before.delete(keyOf(entry));
  if (!was) return;
  cell.className = was.css;
  const link = cell.querySelector("a");
  setText(link, was.letter);
  link.setAttribute("aria-label", was.words);
}

function showProblem(cell, text) {
  cell.querySelector(".problem")?.remove();
  const problem = document.createElement("span");
  problem.className = "problem small";
  problem.textContent = text;
  cell.append(problem);
  problem.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function onKey(cell, event) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey && undo();
  if (event.shiftKey && key.length > 1) return false;
  if (key === "u") return undo();
  cell.querySelector(".problem")?.remove();
  if (!isMark(cell)) return false;
  if (STATUS_OF_KEY[key]) return mark(cell, { status: STATUS_OF_KEY[key] });
  if (key === "delete" || key === "backspace") return mark(cell, { status: null });
  if (key === "n") return open(cell, form.elements.note);
  return false;
}

/** @returns {true} the key was used, also if the cell cannot be changed: then the bar says why */
function mark(cell, { status, label = null, reason = null, note = "" }) {
  if (!isEditable(cell)) return true;
  const { meeting } = heads[cell.cellIndex].dataset;
  const { student } = cell.parentElement.dataset;
  const entry = queue.add({ meeting, student, status, label, reason, note });
  done.push({ id: entry.id, meeting, student, change: null });
  if (done.length > MAX_UNDONE) done.shift();
  undoButton.hidden = false;
  return true;
}

function undo() {
  const last = done.pop();
  undoButton.hidden = done.length === 0;
  if (!last) return true;
  const { id, meeting, student, change } = last;
  const cell = cellOf(last);
  if (cell) grid.focus(cell);
  queue.add({ undoes: id, meeting, student, change });
  return true;
}

/** Keep the change for undoing the mark, which may already wait in the queue. Without a change there is nothing to undo. */
function rememberChange({ id }, change) {
  for (const one of queue.entries.filter(({ undoes }) => undoes === id)) one.change = change;
  for (const one of done.filter((mark) => mark.id === id)) one.change = change;
  if (!change) forget(id);
}

function forget(id) {
  const place = done.findIndex((one) => one.id === id);
  if (place >= 0) done.splice(place, 1);
  undoButton.hidden = done.length === 0;
}

function open(cell, field) {
  if (!isEditable(cell)) return true;
  // Safari before 15.4 has no dialogs: the link's page does the same.
  if (!dialog.showModal) return false;
  chosen = cell;
  const link = cell.querySelector("a");
  const { meeting } = heads[cell.cellIndex].dataset;
  form.reset();
  setText(form.querySelector("[data-name]"), nameOf(cell.parentElement));
  setText(form.querySelector("[data-roll]"), dayOf(cell));
  setText(form.querySelector("[data-word]"), link.getAttribute("aria-label"));
  form.querySelector("[data-take-back]").hidden = cell.classList.contains("none");
  if (form.elements.reason) form.elements.reason.value = cell.dataset.reason ?? "";
  const history = form.querySelector("[data-history]");
  const student = encodeURIComponent(cell.parentElement.dataset.student);
  history.href = `${history.pathname.replace(/\/[^/]+\/history\/$/, () => `/${meeting}/history/`)}?student=${student}`;
  dialog.showModal();
  (field ?? form.querySelector(".mark-choices button")).focus();
  return true;
}

// One listener for all cells. A link opened in a new tab leads to its page.
table.addEventListener("click", (event) => {
  const cell = event.target.closest("td");
  if (!cell || !isMark(cell) || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  if (!event.target.closest("a") || !heads[cell.cellIndex].hasAttribute("data-edit")) return;
  if (open(cell)) event.preventDefault();
});

form.addEventListener("submit", (event) => {
  if (event.submitter?.formMethod === "dialog") return;
  event.preventDefault();
  dialog.close();
  const { name, value, dataset } = event.submitter;
  const label = name === "label" ? value : null;
  const status = label ? dataset.meaning : value === "none" ? null : value;
  const reason = (status === "excused" && form.elements.reason?.value) || null;
  mark(chosen, { status, label, reason, note: form.elements.note.value });
});
// Enter in the note keeps the mark, and adds the note to it.
form.elements.note.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  const status = [...signs.keys()].find((one) => chosen.classList.contains(one));
  if (!status) return;
  dialog.close();
  const letter = chosen.querySelector("a").textContent;
  const label = [...labels].find(([, sign]) => sign.letter === letter)?.[0] ?? null;
  mark(chosen, { status, label, reason: chosen.dataset.reason ?? null, note: form.elements.note.value });
});
dialog.addEventListener("close", () => chosen && grid.focus(chosen));
undoButton.addEventListener("click", undo);

function isEditable(cell) {
  const { edit, why } = heads[cell.cellIndex].dataset;
  const isOut = cell.classList.contains("out");
  if (edit !== undefined && !isOut) return true;
  const { wordOut, wordCancelled, wordLocked, wordReadOnly } = bar.dataset;
  setText(state, isOut ? wordOut : { cancelled: wordCancelled, locked: wordLocked }[why] ?? wordReadOnly);
  return false;
}

const isMark = (cell) => cell.tagName === "TD" && "meeting" in heads[cell.cellIndex].dataset;

/** Whether a later change of the same cell waits to be sent. */
function isWaiting(entry) {
  return queue.entries.some((one) => one !== entry && keyOf(one) === keyOf(entry));
}

const keyOf = ({ meeting, student }) => `${meeting} ${student}`;

function cellOf({ meeting, student }) {
  const column = heads.findIndex((head) => head.dataset.meeting === meeting);
  const row = [...table.tBodies[0].rows].find((one) => one.dataset.student === student);
  return row?.cells[column];
}

const nameOf = (row) => row.querySelector("[data-name]").textContent;

const dayOf = (cell) => heads[cell.cellIndex].querySelector(".day").textContent;

function filled(text, { student }, cell) {
  const words = {
    NAME: cell ? nameOf(cell.parentElement) : student,
    DAY: cell ? dayOf(cell) : "",
    WORD: cell?.querySelector("a")?.getAttribute("aria-label") ?? "",
  };
  return text.replace(/NAME|DAY|WORD/g, (name) => words[name]);
}

const urlOf = (name, meeting) => table.dataset[`${name}Url`].replace("00000000", meeting);

// At the end: it shows what was stored before the page was loaded.
bar.hidden = false;
queue.start();
