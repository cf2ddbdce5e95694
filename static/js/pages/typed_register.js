/**
 * A register typed from paper: the letters set the status of a row and go on to the next one, and each entry is saved at
 * once, in the background. A row may also have a label, which says its status, and a reason for an excuse. Without this
 * script the form saves all rows together.
 */
import { putJSON } from "../lib/http.js";
import { SendQueue } from "../lib/send_queue.js";
import { setText } from "../lib/text.js";

const STATUS_OF_KEY = { p: "present", l: "late", e: "excused", a: "absent" };
const MAX_UNDONE = 200;

const form = document.getElementById("register");
if (form) start();

function start() {
  const texts = form.dataset;
  const rows = [...form.querySelectorAll("tr[data-student]")];
  const state = form.querySelector("[data-state]");
  const before = new Map(rows.map((row) => [row, markOf(row)]));
  const undone = [];
  const queue = new SendQueue(`typed:${texts.user}:${location.pathname}`, {
    send: ({ student, ...mark }) => putJSON(`${texts.records}${encodeURIComponent(student)}/`, mark),
    onChange: show,
    onSent: (entry) => {
      const row = rowOf(entry.student);
      // A later entry of the same row may still wait.
      if (row && !queue.entries.some(({ student }) => student === entry.student)) setText(savedOf(row), texts.wordSaved);
      setText(state, "");
    },
  });

  document.getElementById("register-keys").hidden = false;

  form.addEventListener("change", (event) => {
    const row = event.target.closest("tr[data-student]");
    if (!row) return;
    fit(row, event.target);
    save(row);
  });

  form.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-student]");
    if (!row || event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (STATUS_OF_KEY[key]) set(row, STATUS_OF_KEY[key], 1);
    else if (event.key === "ArrowDown") focus(row, 1);
    else if (event.key === "ArrowUp") focus(row, -1);
    else if (key === "u") undo();
    else return;
    event.preventDefault();
  });

  // What is still to be sent goes with the form, because all rows do.
  form.addEventListener("submit", () => {
    for (const entry of queue.entries) queue.remove(entry);
  });

  queue.start();
  const question = form.querySelector("[data-question]");
  if (question) question.focus();
  else focus(rows.find((row) => !statusOf(row)) || rows[0], 0);

  function set(row, status, step) {
    const choice = row.querySelector(`input[value="${status}"]`);
    choice.checked = true;
    fit(row, choice);
    save(row);
    focus(row, step);
  }

  function save(row) {
    undone.push({ row, mark: before.get(row) });
    if (undone.length > MAX_UNDONE) undone.shift();
    send(row);
  }

  function send(row) {
    const mark = markOf(row);
    before.set(row, mark);
    setText(savedOf(row), texts.wordSaving);
    queue.add({ student: row.dataset.student, ...mark });
  }

  function undo() {
    const last = undone.pop();
    if (!last) return;
    const { row, mark } = last;
    choose(row, mark.status);
    for (const name of ["label", "reason"]) {
      const field = fieldOf(row, name);
      if (field) field.value = mark[name] ?? "";
    }
    send(row);
    focus(row, 0);
  }

  /** Focus the chosen status of a row, or its first choice. */
  function focus(row, step) {
    const target = rows[Math.min(Math.max(rows.indexOf(row) + step, 0), rows.length - 1)];
    if (target) (target.querySelector("input:checked") || target.querySelector("input")).focus();
  }

  function show(entry) {
    const row = rowOf(entry.student);
    if (!row) return;
    if (entry.state === "failed") setText(savedOf(row), `${texts.wordFailed} ${entry.message}`);
    else if (entry.state === "waiting") setText(state, texts.wordWaiting);
    else setText(savedOf(row), texts.wordSaving);
  }

  function rowOf(student) {
    return rows.find((row) => row.dataset.student === student);
  }
}

function statusOf(row) {
  return row.querySelector("input:checked")?.value ?? null;
}

/** The select for the row's label or reason; institutions without any have none. */
function fieldOf(row, name) {
  return row.querySelector(`select[name^="${name}-"]`);
}

function markOf(row) {
  const valueOf = (name) => fieldOf(row, name)?.value || null;
  return { status: statusOf(row), label: valueOf("label"), reason: valueOf("reason") };
}

function choose(row, status) {
  for (const choice of row.querySelectorAll("input")) choice.checked = choice.value === status;
}

/** Make the rest of the row fit what was changed: a label has one status, and only an excuse has a reason. */
function fit(row, changed) {
  const [label, reason] = [fieldOf(row, "label"), fieldOf(row, "reason")];
  const meaning = label?.selectedOptions[0].dataset.meaning;
  if (changed === label && meaning) choose(row, meaning);
  else if (changed === reason && reason.value) choose(row, "excused");
  if (label && meaning !== statusOf(row)) label.value = "";
  if (reason && statusOf(row) !== "excused") reason.value = "";
}

const savedOf = (row) => row.querySelector("[data-saved]");
