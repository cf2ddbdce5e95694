/**
 * The student's personal QR code. It is refreshed well before it expires, and hidden once it would be refused.
 */
import { loadImage } from "../lib/load_image.js";
import { poll } from "../lib/poll.js";

const RETRY_MS = 2000;

const page = document.querySelector("[data-own-code]");
const image = page.querySelector("[data-image]");
const lost = page.querySelector("[data-lost]");
const every = Number(page.dataset.seconds) * 1000;
let imageTime = performance.now();

poll(refresh, { every, retry: RETRY_MS, slowest: RETRY_MS, onLost: hideIfOld, onBack: () => hide(false) });
// A page that was asleep would show an old code until the first response.
document.addEventListener("visibilitychange", hideIfOld);

async function refresh(signal) {
  hideIfOld();
  const requestedAt = performance.now();
  const next = await loadImage(`${page.dataset.url}?at=${Date.now()}`, { signal });
  // The new image is loaded before it is shown, so there is no blank frame.
  image.src = next.src;
  imageTime = requestedAt;
  hide(false);
}

function hideIfOld() {
  if (performance.now() - imageTime > 2 * every) hide(true);
}

function hide(hidden) {
  lost.hidden = !hidden;
  page.querySelector("[data-pane]").classList.toggle("old", hidden);
}
