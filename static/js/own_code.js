/**
 * The student's personal QR code: asks for the present one well within the time for which it is good. One that is too
 * old is taken from the page, for it would be refused.
 */
import { poll } from "./poll.js";

const page = document.querySelector("[data-own-code]");
const shown = page.querySelector("[data-image]");
const lost = page.querySelector("[data-lost]");
const every = Number(page.dataset.seconds) * 1000;
let shownAt = performance.now();

poll(refresh, { every, slowest: every, onLost: hideIfOld, onBack: () => hide(false) });
// A page that was asleep shows an old code until the first answer.
document.addEventListener("visibilitychange", hideIfOld);

async function refresh() {
  hideIfOld();
  const next = new Image();
  const askedAt = performance.now();
  next.src = `${page.dataset.url}?at=${Date.now()}`;
  await next.decode();
  // The new image is there before it replaces the old one: no blank frame.
  shown.src = next.src;
  shownAt = askedAt;
  hide(false);
}

function hideIfOld() {
  if (performance.now() - shownAt > 2 * every) hide(true);
}

function hide(hidden) {
  lost.hidden = !hidden;
  page.querySelector("[data-pane]").classList.toggle("old", hidden);
}
