/** The hall's screen: the QR code of the present step, live numbers, and a presenter's keys. */
import { getJSON } from "./http.js";
import { showLatest } from "./latest.js";
import { isCurrent, showCounts, showSections } from "./live_counts.js";
import { poll } from "./poll.js";
import { RotatingCode } from "./rotating_code.js";
import { screenControls } from "./screen_controls.js";
import { keepAwake } from "./wake_lock.js";

const STATS_MS = 1000;
const SLOWEST_MS = 4000;
const LOST_AFTER_MS = 5000;
const TIMEOUT_MS = 4000;
const GONE = new Set([401, 403, 404]);

const screen = document.getElementById("screen");
const lostNote = document.querySelector("[data-lost]");
const members = document.getElementById("members");
const figures = document.querySelectorAll("[data-figure]");
const code = new RotatingCode(screen);
let steppedAt = 0;

const controls = screenControls(screen, {
  onStep(stats) {
    steppedAt = performance.now();
    show(stats);
  },
  onRefused: () => stats.now(),
});
const stats = poll(askStats, {
  every: STATS_MS,
  slowest: SLOWEST_MS,
  onLost: ({ since, error }) => {
    // Signed out, or the session is no longer this teacher's: the server says so.
    if (GONE.has(error.status)) location.reload();
    lostNote.hidden = Date.now() - since < LOST_AFTER_MS;
  },
  onBack: () => (lostNote.hidden = true),
});
showLatest(document.querySelector("[data-latest]"), screen.dataset.latestUrl);
showStatus(screen.dataset.status);
keepAwake();

async function askStats(signal) {
  const askedAt = performance.now();
  const { data } = await getJSON(screen.dataset.statsUrl, { signal, timeout: TIMEOUT_MS });
  // What was asked before a step was taken here tells of the state before it.
  if (askedAt >= steppedAt) show(data);
}

function show(data) {
  if (!isCurrent(data)) return;
  const before = [...figures].map((figure) => figure.textContent);
  showCounts(data);
  figures.forEach((figure, place) => figure.textContent !== before[place] && brighten(figure));
  const isWhole = !members || showSections(members, data.sections);
  // Sections were added or taken out: their names come with the page.
  if (!isWhole || String(data.total_sections) !== String(screen.dataset.sections)) location.reload();
  showStatus(data.status);
}

function showStatus(status) {
  screen.dataset.status = status;
  controls.update();
  if (status === "active") code.start();
  else code.stop();
}

/** A number that has changed glows up for a moment. */
function brighten(figure) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const bright = getComputedStyle(screen).getPropertyValue("--changed");
  figure.animate([{ color: bright, offset: 0 }], { duration: 1200, easing: "ease-out" });
}
