/** The hall's screen: the rotating QR code, live counts, and keyboard controls for the presenter. */
import { isCurrent, showCounts, showSections } from "../components/live_counts.js";
import { showRecentNames } from "../components/screen/recent_names.js";
import { RotatingCode } from "../components/screen/rotating_code.js";
import { screenControls } from "../components/screen/screen_controls.js";
import { getJSON } from "../lib/http.js";
import { poll } from "../lib/poll.js";
import { keepAwake } from "../lib/wake_lock.js";

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
const stats = poll(fetchStats, {
  every: STATS_MS,
  slowest: SLOWEST_MS,
  onLost: ({ since, error }) => {
    // The teacher is signed out or no longer teaches this section. The reloaded page says so.
    if (GONE.has(error.status)) location.reload();
    lostNote.hidden = Date.now() - since < LOST_AFTER_MS;
  },
  onBack: () => (lostNote.hidden = true),
});
showRecentNames(document.querySelector("[data-latest]"), screen.dataset.latestUrl);
showStatus(screen.dataset.status);
keepAwake();

async function fetchStats(signal) {
  const requestedAt = performance.now();
  const { data } = await getJSON(screen.dataset.statsUrl, { signal, timeout: TIMEOUT_MS });
  // A response to an earlier request shows the state before the last step.
  if (requestedAt >= steppedAt) show(data);
}

function show(data) {
  if (!isCurrent(data)) return;
  const before = [...figures].map((figure) => figure.textContent);
  showCounts(data);
  figures.forEach((figure, place) => figure.textContent !== before[place] && highlight(figure));
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

/** Highlight a changed count for a moment. */
function highlight(figure) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const bright = getComputedStyle(screen).getPropertyValue("--changed");
  figure.animate([{ color: bright, offset: 0 }], { duration: 1200, easing: "ease-out" });
}
