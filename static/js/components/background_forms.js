/**
 * `<form data-background>` is sent without leaving the page. The answer is a page like this one: its parts are shown in
 * place, and its messages in the bar at the bottom. So a step adds nothing to the browser's history.
 *
 * Without an answer the form is sent again until there is one, also after a reload, and the bar says what is not done yet
 * (`data-retrying`). The server treats a form that it has already received as done. Without this script the form is sent
 * as usual.
 */
import { getHTML, HttpError, postForm } from "../lib/http.js";
import { SendQueue } from "../lib/send_queue.js";
import { setText } from "../lib/text.js";
import { UnsentList } from "./student_list/unsent_list.js";

// The next step's button appears where the last one was. The second half of a double click must not press it.
const DOUBLE_CLICK_MS = 400;

/**
 * @param {object} options
 * @param {(page: Document) => void} options.onPage called with the page that a form led to
 * @returns {{hasUnsent: () => boolean, isSending: () => boolean}} `hasUnsent` also while the page is being left
 */
export function backgroundForms({ onPage }) {
  const region = document.getElementById("undo-line");
  const box = region.querySelector(".answer-box");
  const texts = { waiting: region.dataset.retrying };
  const unsent = new UnsentList(region.querySelector("[data-unsent]"), { nameOf: (entry) => entry.name, texts });
  const queue = new SendQueue(`forms:${region.dataset.user}:${location.pathname}`, { send, onChange, onSent });
  const forms = new Map();
  let isLeaving = false;

  async function send({ action, fields, at }) {
    const [{ html, address, isRedirected }] = await Promise.all([postForm(action, fields), afterDoubleClick(at)]);
    if (new URL(address).pathname === location.pathname) return html;
    // The sign-in page. The entry is sent after signing in.
    if (isRedirected) throw new HttpError({ status: 401, code: "signed_out", detail: "" });
    return null;
  }

  function onChange(entry) {
    unsent.show(entry, queue);
  }

  function onSent(entry, html) {
    unsent.remove(entry);
    const form = forms.get(entry.id);
    forms.delete(entry.id);
    if (html) show(html);
    // The server asks something first, on a page of its own.
    else if (form?.isConnected) form.submit();
    else location.reload();
  }

  function show(html) {
    onPage(html);
    const messages = [...html.querySelectorAll(".messages .message")];
    box.querySelector("[data-answer]").replaceChildren(...messages.map((message) => document.adoptNode(message)));
    box.hidden = messages.length === 0;
  }

  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    // Safari before 15.4 does not tell which button was pressed.
    if (!("background" in form.dataset) || !submitter) return;
    if (submitter.formMethod === "dialog") return;
    event.preventDefault();
    form.closest("dialog")?.close();
    if (submitter.hasAttribute("formaction")) leave(form, submitter.formAction);
    else add(form, submitter);
  });

  // Enter held down must not take one step after another.
  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && event.target.closest("form button")) event.preventDefault();
  });

  function add(form, submitter) {
    const values = new FormData(form);
    values.delete("csrfmiddlewaretoken");
    if (submitter.name) values.append(submitter.name, submitter.value);
    const entry = { action: form.action, fields: [...values], name: form.dataset.retrying ?? submitter.textContent.trim() };
    const isSame = (one) => one.action === entry.action && String(one.fields) === String(entry.fields);
    const known = queue.entries.find(isSame);
    if (known) queue.retry(known);
    else forms.set(queue.add(entry).id, form);
  }

  /** Send a form that leads to another page, such as discarding, if the server answers. */
  async function leave(form, action) {
    try {
      await getHTML(location.href);
    } catch {
      setText(box.querySelector("[data-answer]"), region.dataset.notSent);
      box.hidden = false;
      return;
    }
    form.action = action;
    // Until the next page arrives, nobody may reload this one: the answer would be lost.
    isLeaving = true;
    form.submit();
  }

  box.querySelector("[data-close]").addEventListener("click", () => (box.hidden = true));
  window.addEventListener("pageshow", () => (isLeaving = false));
  queue.start();
  return {
    hasUnsent: () => queue.hasUnsent || isLeaving,
    isSending: () => queue.entries.some((entry) => entry.state === "sending"),
  };
}

const afterDoubleClick = (at) => new Promise((resolve) => setTimeout(resolve, at + DOUBLE_CLICK_MS - Date.now()));
