/**
 * Updates a page without reloading it. Each element with `data-part` is replaced by the new one with the same id. The
 * focus moves to the matching new element. A part with an open dialog is left alone.
 */
import { fold } from "./folding.js";
import { getHTML } from "./http.js";

const FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden]), select";

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<Document>} the fresh page
 * @throws {HttpError}
 */
export async function refreshParts(signal) {
  const { html } = await getHTML(location.href, { signal });
  showParts(html);
  return html;
}

/** Show the parts of a fresh page. */
export function showParts(html) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = html.getElementById(part.id);
    if (fresh && !part.querySelector("dialog[open]")) replace(part, document.adoptNode(fresh));
  }
}

function replace(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  // Keep what the user is typing or choosing.
  if (focused?.matches("input:not([type=hidden]), select, textarea")) return;
  fold(fresh);
  part.replaceWith(fresh);
  if (focused) matching(focused, fresh)?.focus();
}

function matching(focused, fresh) {
  const candidates = [...fresh.querySelectorAll(FOCUSABLE)].filter((one) => one.getClientRects().length > 0);
  return (
    candidates.find((one) => one.textContent.trim() === focused.textContent.trim()) ??
    candidates.find((one) => one.matches(".primary")) ??
    candidates[0]
  );
}
