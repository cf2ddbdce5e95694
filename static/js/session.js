/**
 * The page of a session, of a group session, or of a group's register: live counts each second, the students as they
 * are marked, the scans that wait, marking by hand with undo. Only what changed is fetched and shown: focus, scrolling,
 * selection and what one types stay. When the state changes elsewhere, the buttons follow.
 */
import "./confirm.js";
import { ArrivalCurve } from "./arrival_curve.js";
import { Connection } from "./connection.js";
import { getJSON } from "./http.js";
import { isCurrent, showCounts, showSections } from "./live_counts.js";
import { markDialog } from "./mark_dialog.js";
import { refreshParts } from "./page_parts.js";
import { poll } from "./poll.js";
import { rowKeys } from "./row_keys.js";
import { StudentFilter } from "./student_filter.js";
import { StudentRows } from "./student_rows.js";
import { undoLine } from "./undo_line.js";
import { showWaiting } from "./waiting_scans.js";

const STATS_MS = 1000;
const LISTS_MS = 2000;
const SLOWEST_MS = 5000;
const TIMEOUT_MS = 5000;
const GONE = new Set([401, 403, 404]);

const live = document.getElementById("live");
const { statsUrl, recordsUrl, waitingUrl } = live.dataset;
const list = document.getElementById("students");
const rows = list && new StudentRows(list);
const filter = list && new StudentFilter(list);
const waiting = document.getElementById("waiting");
const curve = new ArrivalCurve();
const connection = new Connection(document.getElementById("connection-lost"));
let shownStatus = live.dataset.status;
let isStale = false;
let numbers = "";
let cursor = "";

if (list) rowKeys(list, filter.field);
const words = document.getElementById("undo-line").dataset;
const undos = undoLine({
  wordOf: (state) => words[`state${state[0].toUpperCase()}${state.slice(1)}`] ?? "",
  onUndone: showMark,
});
markDialog({
  onMarked(mark) {
    showMark(mark.session, mark);
    undos.done(mark);
  },
});

const statsPoll = poll(askStats, { every: STATS_MS, slowest: SLOWEST_MS, ...connection.of("stats", endIfGone) });
const listsPoll = poll(askLists, { every: LISTS_MS, slowest: SLOWEST_MS, ...connection.of("lists", endIfGone) });

async function askStats(signal) {
  const { data } = await getJSON(statsUrl, { signal, timeout: TIMEOUT_MS });
  if (!isCurrent(data)) return;
  showStats(data);
  const members = document.getElementById("members");
  const isWhole = !members || showSections(members, data.sections);
  if (data.status !== shownStatus || !isWhole || isStale) await showAnew(data.status, signal);
}

function showStats(stats) {
  showCounts(stats);
  document.getElementById("from-database").hidden = stats.source !== "database";
  const now = [stats.total_joined, stats.total_present, stats.total_students].join();
  if (numbers && now !== numbers) {
    listsPoll.now();
    curve.changed();
  }
  numbers = now;
}

async function askLists(signal) {
  const askedAt = performance.now();
  const options = { signal, timeout: TIMEOUT_MS };
  const [scans, changes] = await Promise.all([
    waiting ? getJSON(waitingUrl, options) : null,
    getJSON(`${recordsUrl}?since=${encodeURIComponent(cursor)}`, options),
  ]);
  if (scans) showWaiting(waiting, scans.data);
  showChanges(changes.data, askedAt);
}

function showChanges(changes, askedAt) {
  if (changes.records.length === 0 && !changes.whole) return;
  if (cursor && shownStatus === "ended") isStale = true;
  if (!rows) {
    cursor = changes.cursor;
    return;
  }
  const { fits, all } = rows.showChanges(changes, askedAt);
  // What was passed over comes again.
  if (all) cursor = changes.cursor;
  if (fits) filter.apply();
  else loadAgain();
}

function showMark(session, { record, stats }) {
  if (rows) {
    rows.showChanged(record);
    filter.apply();
  }
  if (stats.session && statsUrl.includes(stats.session) && isCurrent(stats)) showStats(stats);
  else statsPoll.now();
  listsPoll.now();
}

/** The state, or the sections of the group, or the summary after the class changed. */
async function showAnew(status, signal) {
  await refreshParts(signal);
  isStale = false;
  shownStatus = status;
}

/** The roster changed: load the page again, but never while somebody types or decides. */
function loadAgain() {
  const busy = document.querySelector("dialog[open]") || document.activeElement?.matches("input:not([type=hidden]), select");
  if (busy) document.getElementById("stale").hidden = false;
  else location.reload();
}

function endIfGone(error) {
  if (!GONE.has(error.status)) return false;
  statsPoll.stop();
  listsPoll.stop();
  loadAgain();
  return true;
}
