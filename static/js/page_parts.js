/**
 * Shows a page as the server has it now without loading it: each element with `data-part` is replaced by the fresh one
 * of the same id. The focus stays where it was, or goes to what stands there now; an open dialog is left alone.
 */
import { getHTML } from "./http.js";

const FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden]), select";

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<Document>} the fresh page
 * @throws {HttpError}
 */
export async function refreshParts(signal) {
  const { html } = await getHTML(location.href, { signal });
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = html.getElementById(part.id);
    if (fresh && !part.querySelector("dialog[open]")) replace(part, document.adoptNode(fresh));
  }
  return html;
}

function replace(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  // What one is typing or choosing stays.
  if (focused?.matches("input:not([type=hidden]), select, textarea")) return;
  part.replaceWith(fresh);
  if (focused) sameAs(focused, fresh)?.focus();
}

function sameAs(focused, fresh) {
  const candidates = [...fresh.querySelectorAll(FOCUSABLE)];
  return (
    candidates.find((one) => one.textContent.trim() === focused.textContent.trim()) ??
    candidates.find((one) => one.matches(".primary")) ??
    candidates[0]
  );
}
