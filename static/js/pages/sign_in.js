/**
 * The sign-in page: deletes the stored state of the last user, carries a typed address to the pages for a code or a new
 * password, and waits its turn while the server is busy. Unsent scans stay: each is stored under its own user and is
 * never sent for anybody else.
 */
import { prepareForm } from "../components/account_form.js";
import { clearStored } from "../lib/phone_storage.js";
import { keepAddress } from "../lib/typed_address.js";

// After this long without an answer the page says what it waits for.
const SILENT_MS = 2000;
const OFFLINE_PAUSE_SECONDS = 3;
// So that those who were told to wait do not all come back at once.
const JITTER = 0.5;

clearStored("state:");
attach();

/** Let the script send the form. Without it the browser does, and shows the server's page if that is busy. */
function attach() {
  prepareForm();
  const form = document.querySelector("[data-sign-in]");
  for (const link of document.querySelectorAll("[data-keeps-address]")) {
    link.addEventListener("click", () => keepAddress(form.elements.login.value));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(form);
  });
}

async function signIn(form) {
  const button = form.querySelector("[type=submit]");
  const body = new URLSearchParams(new FormData(form));
  button.disabled = true;
  for (;;) {
    const patience = setTimeout(() => say("busy"), SILENT_MS);
    const response = await send(form, body);
    clearTimeout(patience);
    if (!response) {
      say("offline");
      await pause(OFFLINE_PAUSE_SECONDS);
      continue;
    }
    // JSON is from the form, also with 429 if somebody has tried too often. A busy server answers with a page.
    const answer = await response.json().catch(() => ({}));
    if (answer.location) return window.location.assign(answer.location);
    if (answer.html) return showAgain(answer.html);
    if (response.status !== 429 && response.status !== 503) {
      // Something unforeseen, such as an expired form: the browser shows what the server says.
      return HTMLFormElement.prototype.submit.call(form);
    }
    say("busy");
    await pause(Number(response.headers.get("Retry-After")) || 1);
  }
}

/** @returns {Promise<Response|null>} null if there was no answer */
async function send(form, body) {
  // By this header allauth answers in JSON.
  const headers = { "X-Requested-With": "XMLHttpRequest" };
  try {
    return await fetch(form.action, { method: "POST", body, headers, cache: "no-store" });
  } catch {
    return null;
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (1 + JITTER * Math.random())));
}

/** @param {"busy" | "offline"} state */
function say(state) {
  const status = document.querySelector("[data-status]");
  status.hidden = false;
  status.textContent = status.dataset[state];
}

/** The form with its errors, as the browser would have shown it. */
function showAgain(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
  attach();
  const field = document.querySelector("[aria-invalid=true]") ?? document.querySelector("[name=password]");
  field.focus();
}

// The browser may show the page as it was left, with the button disabled.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
