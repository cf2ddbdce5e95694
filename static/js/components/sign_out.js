/**
 * Signing out on a student's phone. Without a connection the page stays, and so do the scans that are not sent yet. After
 * signing out nothing of the student stays on the phone.
 */
import { clearStored } from "../lib/phone_storage.js";

const TIMEOUT_MS = 8000;

const note = document.querySelector("[data-not-signed-out]");

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  event.preventDefault();
  signOut(event.target);
});

async function signOut(form) {
  note.hidden = true;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  let response;
  try {
    const body = new FormData(form);
    response = await fetch(form.action, { method: "POST", body, redirect: "manual", signal: limit.signal });
  } catch {
    note.hidden = false;
    note.scrollIntoView({ block: "nearest" });
    return;
  } finally {
    clearTimeout(timer);
  }
  // Signing out redirects. Any other answer is for the user to see.
  if (response.type !== "opaqueredirect") return form.submit();
  await clearStored();
  location.assign(note.dataset.next);
}
