/**
 * The teacher's page for marking students at the desk. It scans personal QR codes or takes typed numbers, sends them one
 * after another, and lists the marked students by name.
 */
import { showCounts } from "../components/live_counts.js";
import { UnsentList } from "../components/student_list/unsent_list.js";
import { postJSON } from "../lib/http.js";
import { SendQueue } from "../lib/send_queue.js";
import { clock, setText } from "../lib/text.js";
import { attachScanner } from "../scanner/scanner.js";

const HIGHLIGHT_MS = 1500;
const VIBRATION_MS = 80;
// Scanning continues after this long without an answer.
const ANSWER_WAIT_MS = 1000;
const MAX_WAIT_SECONDS = 12 * 3600;

const page = document.querySelector("[data-desk-scan]");
const list = page.querySelector("[data-marks]");
const last = page.querySelector("[data-last]");
const form = page.querySelector("[data-number-form]");
const unsent = new UnsentList(list, { nameOf, focusAfter: form.elements.number });
const queue = new SendQueue(`desk:${page.dataset.user}:${location.pathname}`, { send, onChange, onSent });
const listeners = new Map();
let highlightTimer = 0;

queue.start();
attachScanner(page.querySelector("[data-scanner]"), {
  onText(code) {
    const isSame = (entry) => entry.code === code && entry.state !== "failed";
    const entry = queue.entries.find(isSame) ?? add({ code });
    const answer = new Promise((resolve) => listeners.set(entry.id, resolve));
    const patience = new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS));
    return Promise.race([answer, patience.then(() => ({ message: page.dataset.scanned, tone: "good" }))]);
  },
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = form.elements.number;
  const number = field.value.trim();
  field.value = "";
  field.focus();
  if (number) add({ number });
});

/** Queue a code or a number. It replaces the same one that was refused before. */
function add(values) {
  for (const entry of queue.entries) {
    if (entry.state !== "failed" || entry.code !== values.code || entry.number !== values.number) continue;
    queue.remove(entry);
    unsent.remove(entry);
  }
  return queue.add(values);
}

function send({ number, code, at }) {
  const seconds = Math.floor((Date.now() - at) / 1000);
  // This device's clock may have been set meanwhile.
  const waited = Math.min(Math.max(0, seconds), MAX_WAIT_SECONDS);
  return postJSON(page.dataset.apiUrl, code ? { code, waited_seconds: waited } : { number });
}

function onChange(entry) {
  unsent.show(entry, queue);
  page.querySelector("[data-no-marks]").hidden = true;
  if (entry.state !== "failed") return;
  announce(`${nameOf(entry)}: ${entry.message}`);
  tellScanner(entry, { message: entry.message, tone: "bad" });
}

function onSent(entry, marked) {
  navigator.vibrate?.(VIBRATION_MS);
  showCounts(marked.stats);
  showLast(marked);
  list.querySelector(`[data-student="${CSS.escape(marked.student_id)}"]`)?.remove();
  unsent.remove(entry, newItem(marked));
  tellScanner(entry, { message: `${marked.name} · ${labelOf(marked)}`, tone: "good" });
}

function tellScanner(entry, answer) {
  listeners.get(entry.id)?.(answer);
  listeners.delete(entry.id);
}

/** Show the name in large letters, so that the teacher can check who is at the desk. */
function showLast(marked) {
  setText(last.querySelector("[data-last-name]"), marked.name);
  setText(last.querySelector("[data-last-roll]"), marked.roll_number);
  for (const word of last.querySelectorAll("[data-last-word]")) {
    word.hidden = (word.dataset.lastWord === "new") !== marked.created;
  }
  last.hidden = false;
  last.classList.add("fresh");
  clearTimeout(highlightTimer);
  highlightTimer = setTimeout(() => last.classList.remove("fresh"), HIGHLIGHT_MS);
  announce(`${marked.name}: ${labelOf(marked)}`);
}

function announce(text) {
  setText(page.querySelector("[data-announce]"), text);
}

function newItem(marked) {
  const item = page.querySelector(`template[data-mark="${marked.status}"]`).content.firstElementChild.cloneNode(true);
  item.dataset.student = marked.student_id;
  setText(item.querySelector("[data-name]"), marked.name);
  setText(item.querySelector("[data-roll]"), marked.roll_number);
  setText(item.querySelector("[data-text=time]"), clock(marked.marked_at));
  setText(item.querySelector("[data-of]"), ` ${marked.name}`);
  const link = item.querySelector("a");
  link.href = link.getAttribute("href").replace("00000000", marked.session) + encodeURIComponent(marked.student_id);
  return item;
}

function labelOf(marked) {
  return last.querySelector(`[data-last-word=${marked.created ? "new" : "again"}]`).textContent;
}

/** What was typed, or when the code was scanned. */
function nameOf({ number, at }) {
  return number ?? page.dataset.code.replace("TIME", new Date(at).toTimeString().slice(0, 8));
}
