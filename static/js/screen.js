/** The hall's screen: the QR code of the present step, and live numbers. */
import { getJSON } from "./http.js";
import { showCounts, showSections } from "./live_counts.js";
import { poll } from "./poll.js";
import { RotatingCode } from "./rotating_code.js";

const STATS_MS = 1000;
const SLOWEST_MS = 4000;
const LOST_AFTER_MS = 5000;
const TIMEOUT_MS = 4000;

const screen = document.getElementById("screen");
const lostNote = document.querySelector("[data-lost]");
const members = document.getElementById("members");
const code = new RotatingCode(screen);

poll(askStats, {
  every: STATS_MS,
  slowest: SLOWEST_MS,
  onLost: ({ since }) => (lostNote.hidden = Date.now() - since < LOST_AFTER_MS),
  onBack: () => (lostNote.hidden = true),
});

async function askStats(signal) {
  const { data } = await getJSON(screen.dataset.statsUrl, { signal, timeout: TIMEOUT_MS });
  showCounts(data);
  const isWhole = !members || showSections(members, data.sections);
  // Sections were added or taken out: their names come with the page.
  if (!isWhole || String(data.total_sections) !== String(screen.dataset.sections)) location.reload();
  screen.dataset.status = data.status;
  if (data.status === "active") code.start();
  else code.stop();
}
