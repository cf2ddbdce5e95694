/**
 * The teacher's page to mark students at the desk: reads their personal QR codes one after another, or takes numbers,
 * and shows each by name in a list that grows.
 */
import { postJSON } from "./http.js";
import { showCounts } from "./live_counts.js";
import { attachScanner } from "./scanner.js";
import { setText } from "./text.js";

const FRESH_MS = 1500;
const BUZZ_MS = 80;

const page = document.querySelector("[data-desk-scan]");
const list = page.querySelector("[data-marks]");
const last = page.querySelector("[data-last]");
const form = page.querySelector("[data-number-form]");
const error = form.querySelector("[data-number-error]");
let fresh = 0;

attachScanner(page.querySelector("[data-scanner]"), {
  async onText(code) {
    try {
      const marked = await mark({ code });
      return { message: `${marked.name} · ${wordOf(marked)}`, tone: "good" };
    } catch (problem) {
      return { message: wordsOf(problem), tone: "bad" };
    }
  },
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = form.elements.number;
  const button = form.querySelector("button");
  // Not `disabled`, which would throw away the focus.
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  setText(error, "");
  try {
    await mark({ number: field.value });
    field.value = "";
  } catch (problem) {
    setText(error, wordsOf(problem));
  } finally {
    button.ariaDisabled = "false";
    field.focus();
  }
});

async function mark(body) {
  const marked = await postJSON(page.dataset.apiUrl, body);
  navigator.vibrate?.(BUZZ_MS);
  showCounts(marked.stats);
  showLast(marked);
  list.querySelector(`[data-student="${CSS.escape(marked.student_id)}"]`)?.remove();
  list.prepend(newItem(marked));
  page.querySelector("[data-no-marks]").hidden = true;
  return marked;
}

/** The name in large letters: whoever holds the device looks whether it is the one in front of it. */
function showLast(marked) {
  setText(last.querySelector("[data-last-name]"), marked.name);
  setText(last.querySelector("[data-last-roll]"), marked.roll_number);
  for (const word of last.querySelectorAll("[data-last-word]")) {
    word.hidden = (word.dataset.lastWord === "new") !== marked.created;
  }
  last.hidden = false;
  last.classList.add("fresh");
  clearTimeout(fresh);
  fresh = setTimeout(() => last.classList.remove("fresh"), FRESH_MS);
  setText(page.querySelector("[data-announce]"), `${marked.name}: ${wordOf(marked)}`);
}

function newItem(marked) {
  const item = page.querySelector(`template[data-mark="${marked.status}"]`).content.firstElementChild.cloneNode(true);
  item.dataset.student = marked.student_id;
  setText(item.querySelector("[data-name]"), marked.name);
  setText(item.querySelector("[data-roll]"), marked.roll_number);
  // Times come in the institution's own zone.
  setText(item.querySelector("[data-text=time]"), marked.marked_at.slice(11, 16));
  setText(item.querySelector("[data-of]"), ` ${marked.name}`);
  const link = item.querySelector("a");
  link.href = link.getAttribute("href").replace("00000000", marked.session) + encodeURIComponent(marked.student_id);
  return item;
}

function wordOf(marked) {
  return last.querySelector(`[data-last-word=${marked.created ? "new" : "again"}]`).textContent;
}

function wordsOf(problem) {
  return problem.isTemporary && problem.status !== 429 ? page.dataset.noAnswer : problem.detail || problem.message;
}
