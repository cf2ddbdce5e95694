/**
 * The page of a session or of a group session: live counts each second and the scans that wait; of a session also
 * the students as they are marked, and marking by hand; of a group the counts of each of its sections.
 */
import "./confirm.js";
import { getJSON } from "./http.js";
import { showCounts, showSections } from "./live_counts.js";
import { markDialog } from "./mark_dialog.js";
import { poll } from "./poll.js";
import { StudentRows } from "./student_rows.js";
import { setText } from "./text.js";
import { showWaiting } from "./waiting_scans.js";

const STATS_MS = 1000;
const LISTS_MS = 5000;
// In a rush the numbers change each second; the list of a large section is heavier than they are.
const LISTS_SOONEST_MS = 2000;
const LOST_AFTER_MS = 3000;
const TIMEOUT_MS = 5000;
const GONE = new Set([401, 403, 404]);

const live = document.getElementById("live");
const { status, statsUrl, recordsUrl, waitingUrl } = live.dataset;
const lostNote = document.getElementById("connection-lost");
const students = new StudentRows(document.getElementById("students"));
const members = document.getElementById("members");
const waiting = document.getElementById("waiting");
const ended = status === "ended";
let numbers = "";
let listsAskedAt = 0;
let listsTimer = 0;

const statsPoll = poll(askStats, {
  every: ended ? LISTS_MS : STATS_MS,
  onLost: lost,
  onBack: () => (lostNote.hidden = true),
});
const listsPoll = poll(askLists, { every: LISTS_MS, onLost: lost });

if (recordsUrl) {
  markDialog({
    recordsUrl,
    onMarked({ record, stats }) {
      students.showChanged(record);
      showStats(stats);
    },
  });
}

async function askStats(signal) {
  const { data } = await getJSON(statsUrl, { signal, timeout: TIMEOUT_MS });
  showStats(data);
  const isWhole = !members || showSections(members, data.sections);
  if (data.status !== status || !isWhole) showAnew();
}

function showStats(stats) {
  showCounts(stats);
  document.getElementById("from-database").hidden = stats.source !== "database";
  const now = [stats.total_joined, stats.total_present, stats.total_students].join();
  if (numbers && now !== numbers) {
    clearTimeout(listsTimer);
    const wait = listsAskedAt + LISTS_SOONEST_MS - performance.now();
    listsTimer = setTimeout(listsPoll.now, Math.max(0, wait));
  }
  numbers = now;
}

async function askLists(signal) {
  listsAskedAt = performance.now();
  const askedAt = listsAskedAt;
  const options = { signal, timeout: TIMEOUT_MS };
  const [scans, records] = await Promise.all([
    getJSON(waitingUrl, options),
    recordsUrl ? getJSON(recordsUrl, options) : null,
  ]);
  showWaiting(waiting, scans.data);
  if (records && !students.showAll(records.data, askedAt)) showAnew();
}

/** The buttons or the roster changed: load the page again, but never while somebody types or decides. */
function showAnew() {
  const busy = document.querySelector("dialog[open]") || document.activeElement?.matches("input:not([type=hidden]), select");
  if (busy) document.getElementById("stale").hidden = false;
  else location.reload();
}

function lost({ since, error }) {
  if (GONE.has(error.status)) {
    statsPoll.stop();
    listsPoll.stop();
    showAnew();
  } else if (Date.now() - since > LOST_AFTER_MS) {
    const time = since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    setText(lostNote, lostNote.dataset.text.replace("TIME", time));
    lostNote.hidden = false;
  }
}
