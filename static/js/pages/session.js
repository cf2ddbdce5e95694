/**
 * The page of a session, a group, or a group's register: live counts, the list of students, scans to admit, and marking
 * by hand with undo. Only changes are fetched and shown, so focus, scrolling, selection and typed text stay. When the
 * status changes elsewhere, the buttons change too.
 */
import { ArrivalCurve } from "../components/arrival_curve.js";
import { backgroundForms } from "../components/background_forms.js";
import "../components/confirm_dialog.js";
import { ConnectionStatus } from "../components/connection_status.js";
import { handMarks } from "../components/student_list/hand_marks.js";
import { listNavigation } from "../components/student_list/list_navigation.js";
import { isCurrent, showCounts, showSections } from "../components/live_counts.js";
import { markDialog } from "../components/student_list/mark_dialog.js";
import { StudentFilter } from "../components/student_list/student_filter.js";
import { StudentRows } from "../components/student_list/student_rows.js";
import { showWaiting } from "../components/waiting_scans.js";
import { fold } from "../lib/folding.js";
import { getJSON } from "../lib/http.js";
import { poll } from "../lib/poll.js";
import { refreshParts, showParts } from "../lib/refresh_parts.js";
import { setText } from "../lib/text.js";

const STATS_MS = 1000;
const LISTS_MS = 2000;
const SLOWEST_MS = 5000;
const TIMEOUT_MS = 5000;
const GONE = new Set([401, 403, 404]);

const live = document.getElementById("live");
const { statsUrl, recordsUrl, waitingUrl } = live.dataset;
const list = document.getElementById("students");
const rows = list && new StudentRows(list);
const phones = document.getElementById("phones");
const filter = list && new StudentFilter(list);
const waiting = document.getElementById("waiting");
const curve = new ArrivalCurve();
const connection = new ConnectionStatus(document.getElementById("connection-lost"));
let shownStatus = live.dataset.status;
let isStale = false;
let shownCounts = "";
let cursor = "";
const late = new Set();

fold(document);
// Users who may only read have no links for marking.
if (list?.querySelector(".mark-link")) listNavigation(list, { field: filter.field, bestMatch: () => filter.bestMatch() });

const statsPoll = startPoll("stats", fetchStats, STATS_MS);
const listsPoll = startPoll("lists", fetchLists, LISTS_MS);
const marks = handMarks({ onSaved: showMark });
markDialog(marks.mark);
const forms = backgroundForms({ onPage: showPage });

function startPoll(name, fetchOnce, every) {
  return poll(fetchOnce, { every, slowest: SLOWEST_MS, ...connection.optionsFor(name, endIfGone) });
}

async function fetchStats(signal) {
  const { data } = await getJSON(statsUrl, { signal, timeout: TIMEOUT_MS });
  if (!isCurrent(data)) return;
  showStats(data);
  const members = document.getElementById("members");
  const isComplete = !members || showSections(members, data.sections);
  const isOutdated = data.status !== shownStatus || !isComplete || isStale;
  // A form's own answer comes with the page.
  if (isOutdated && !forms.isSending()) await refreshPage(data.status, signal);
}

function showStats(stats) {
  showCounts(stats);
  document.getElementById("from-database").hidden = stats.source !== "database";
  const counts = [stats.total_joined, stats.total_present, stats.total_students].join();
  if (shownCounts && counts !== shownCounts) {
    listsPoll.now();
    curve.refreshSoon();
  }
  shownCounts = counts;
}

async function fetchLists(signal) {
  const requestedAt = performance.now();
  const options = { signal, timeout: TIMEOUT_MS };
  const [scans, changes] = await Promise.all([
    waiting ? getJSON(waitingUrl, options) : null,
    getJSON(`${recordsUrl}?since=${encodeURIComponent(cursor)}`, options),
  ]);
  if (scans) showWaiting(waiting, scans.data);
  showChanges(changes.data, requestedAt);
}

function showChanges(changes, requestedAt) {
  if (changes.records.length === 0 && !changes.whole) return;
  if (cursor && shownStatus === "ended") isStale = true;
  if (!rows) {
    cursor = changes.cursor;
    countLate(changes);
    return;
  }
  const { fits, all } = rows.showChanges(changes, requestedAt);
  // Skipped records are fetched again with the old cursor.
  if (all) cursor = changes.cursor;
  rows.showPhones(phones);
  if (fits) filter.apply();
  else reloadUnlessBusy();
}

/** A group's page has no list of students to count. */
function countLate({ records, whole }) {
  if (whole) late.clear();
  for (const record of records) {
    if (record.status === "late") late.add(record.student_id);
    else late.delete(record.student_id);
  }
  for (const element of live.querySelectorAll("[data-count=late]")) setText(element, late.size);
  live.querySelector("[data-while=late]").hidden = late.size === 0;
}

function showMark(session, { record, stats }) {
  if (rows) {
    rows.showChanged(record);
    rows.showPhones(phones);
    filter.apply();
  }
  if (stats.session && statsUrl.includes(stats.session) && isCurrent(stats)) showStats(stats);
  else statsPoll.now();
  listsPoll.now();
}

/** Show a new status, other sections of the group, or a new summary after class. */
async function refreshPage(status, signal) {
  await refreshParts(signal);
  afterParts(status);
}

/** Show the page that a step or another form led to. */
function showPage(html) {
  showParts(html);
  afterParts(html.getElementById("live").dataset.status);
  statsPoll.now();
  listsPoll.now();
}

function afterParts(status) {
  isStale = false;
  shownStatus = status;
  filter?.apply();
}

/** Reload the page because the roster changed, but not while the teacher is typing, in a dialog, or saving marks. */
function reloadUnlessBusy() {
  const isTyping = document.activeElement?.matches("input:not([type=hidden]), select");
  const isBusy = isTyping || marks.hasUnsent() || forms.hasUnsent() || document.querySelector("dialog[open]");
  if (isBusy) document.getElementById("stale").hidden = false;
  else location.reload();
}

function endIfGone(error) {
  if (!GONE.has(error.status)) return false;
  statsPoll.stop();
  listsPoll.stop();
  reloadUnlessBusy();
  return true;
}
