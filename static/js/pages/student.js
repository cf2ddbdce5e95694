/**
 * The student's page: joins a session on opening, polls the open sessions, and sends scans. All texts come from the
 * page's HTML.
 */
import { ScanMessages } from "../components/scan_messages.js";
import { fill, isMark, phoneClock, show, showEnded, statesOf } from "../components/student_cards.js";
import { getJSON, postJSON } from "../lib/http.js";
import { stored } from "../lib/phone_storage.js";
import { poll } from "../lib/poll.js";
import { scanQueue, tokenIn } from "../lib/scan_queue.js";
import { attachScanner, preload } from "../scanner/scanner.js";

const page = document.querySelector("[data-student]");
if (page) start();

function start() {
  const { user } = page.dataset;
  const headers = { "X-Rollcall-User": user };
  const cards = page.querySelector("[data-cards]");
  const memory = stored(`state:${user}`);
  const messages = new ScanMessages(page);
  const scanners = new Map();
  const submittedAgain = new Set();
  // The button of each form that was pressed last.
  const pressed = new WeakMap();
  let etag = null;
  let sessions = null;
  let pollAfter;
  let changes = 0;
  // Set if the service worker shows a stored page: when that page was current.
  let since = page.dataset.kept ? Number(page.dataset.kept) : null;
  let joinOnOpening = true;

  if (since) showLastState();
  const scans = scanQueue({
    user,
    send: (body) => postJSON(page.dataset.markUrl, body, { headers }),
    onOutcome: showOutcome,
  });
  sendScannedAddress();
  attachScanners();

  const polling = poll(
    async (signal) => {
      const before = changes;
      const answer = await getJSON(page.dataset.url, { signal, etag, headers });
      // This response shows the state before the last join or mark.
      if (before !== changes) return polling.now();
      etag = answer.etag;
      if (!answer.unchanged) {
        pollAfter = answer.data.poll_after_ms;
        await update(answer.data.sessions, signal);
      }
      memory.write({ at: Date.now(), sessions });
      since = null;
      scans.retry();
      if (joinOnOpening) joinAutomatically();
      return pollAfter;
    },
    {
      every: 3000,
      jitter: 2000,
      onLost(lost) {
        // The student is signed out, or somebody else has signed in.
        if ([401, 403].includes(lost.error.status) || lost.error.code === "other_user") location.reload();
        showLost(since ?? lost.since.getTime());
      },
      onBack() {
        page.querySelector("[data-lost]").hidden = true;
      },
    },
  );
  if (!since) joinAutomatically();

  cards.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.form) pressed.set(button.form, button);
  });
  cards.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-api], form[data-api-group]")) return;
    if ("scriptFailed" in document.documentElement.dataset) return;
    event.preventDefault();
    // Safari before 15.4 does not know the submitter.
    send(form, event.submitter ?? pressed.get(form) ?? form.querySelector("button"));
  });
  cards.addEventListener("input", (event) => {
    event.target.form.querySelector("[data-error]").hidden = true;
  });
  whenIdle(installServiceWorker);

  async function update(open, signal) {
    sessions = open;
    const before = statesOf(page);
    const ended = show(page, open);
    attachScanners();
    if (ended.length > 0) {
      const { data } = await getJSON(page.dataset.recordsUrl, { signal });
      showEnded(page, ended, data);
    }
    messages.update();
    if (statesOf(page) !== before) removeServerMessages();
  }

  /** The messages that came with the page are outdated once a class has ended or the student has a mark. */
  function removeServerMessages() {
    const isSettled = (card) => card.dataset.state === "ended" || isMark(card.dataset.state);
    if (![...cards.children].some(isSettled)) return;
    for (const message of document.querySelectorAll(".message")) message.remove();
  }

  /** Show the result of a join or a mark at once; the next poll brings the rest. */
  function change(id, values) {
    changes += 1;
    if (sessions) update(sessions.map((one) => (one.id === id ? { ...one, ...values } : one)));
    pollAfresh();
  }

  /** Poll now, without the ETag, because an unchanged answer may be a second old. */
  function pollAfresh() {
    etag = null;
    polling.now();
  }

  /**
   * On opening the page, join the session whose address was opened, otherwise the only open session. A student who is in
   * another running class may only want to look.
   */
  async function joinAutomatically() {
    joinOnOpening = false;
    const { join } = page.dataset;
    const inState = (...states) => [...cards.children].filter((card) => states.includes(card.dataset.state));
    const open = inState("join", "choose");
    const wanted = join ? open.filter((card) => card.dataset.session === join) : open;
    if (wanted.length !== 1 || wanted[0].dataset.state !== "join") return;
    if (!join && inState("scan", "waiting", "present", "late").length > 0) return;
    const form = wanted[0].querySelector("form");
    joinOnOpening = (await send(form, form.querySelector("button"))) === "no answer";
  }

  /** Join, or send the typed code. */
  async function send(form, button) {
    const error = form.querySelector("[data-error]");
    const { session, group, code } = Object.fromEntries(new FormData(form));
    const inGroup = group && form.dataset.apiGroup;
    const url = (inGroup || form.dataset.api).replace("00000000", inGroup ? group : session);
    let body = code === undefined ? {} : { session, code };
    if (button.name === "section") body = { section: Number(button.value) };
    // `disabled` would lose the focus.
    if (button.ariaDisabled === "true") {
      submittedAgain.add(form);
      return "";
    }
    button.ariaDisabled = "true";
    error.hidden = true;
    try {
      const answer = await postJSON(url, body, { headers });
      if (code === undefined) change(answer.session, { joined_at: answer.joined_at, can_join: false, choices: [] });
      else marked(answer);
      return "done";
    } catch (refused) {
      const noAnswer = refused.isTemporary && refused.status !== 429;
      error.textContent = noAnswer ? page.dataset.noAnswer : refused.detail;
      error.hidden = false;
      pollAfresh();
      return noAnswer ? "no answer" : "refused";
    } finally {
      button.ariaDisabled = "false";
      // A newer code was submitted meanwhile. After a double click it is the same one.
      const isAgain = submittedAgain.delete(form) && form.isConnected;
      if (isAgain && code !== undefined && form.elements.code.value !== code) send(form, button);
    }
  }

  function marked({ session, status, marked_at, stats }) {
    navigator.vibrate?.(200);
    change(session, { mark: status, marked_at, stats, can_scan: false, can_join: false });
  }

  // --- Scans ---

  /** Start the scanners of new cards and close those of removed cards. */
  function attachScanners() {
    for (const [root, scanner] of scanners) {
      if (root.isConnected) continue;
      scanner.close();
      scanners.delete(root);
    }
    for (const root of cards.querySelectorAll("[data-scanner]")) {
      if (!scanners.has(root)) scanners.set(root, attachScanner(root, { onText: scanned, isWaiting: scans.isWaiting }));
    }
    if (scanners.size > 0 || cards.querySelector("[data-state=waiting]")) whenIdle(() => preload());
  }

  async function scanned(text) {
    const token = tokenIn(text);
    // Shown below the picture, where the student is looking.
    if (!token) return { message: messages.textOf("not_ours") };
    const outcome = await scans.add(token);
    if (outcome.name === "marked") return { tone: "good", keepScanning: false };
    if (outcome.name === "refused") return { message: messages.take() };
    return { isExpired: ["expired", "late"].includes(outcome.before ?? outcome.name) };
  }

  function showOutcome(outcome, token) {
    if (outcome.name === "marked") {
      messages.clear();
      marked(outcome.answer);
    } else if (outcome.name === "signed_out") {
      polling?.now();
    } else if (outcome.name === "expired") {
      messages.clearSending();
    } else {
      messages.show(outcome.name, { ...outcome, time: phoneClock(outcome.at) }, token);
      if (outcome.code === "not_joined" || outcome.code === "not_active") pollAfresh();
    }
  }

  /** A scan address opened offline: the service worker shows this page for it, so send the scan from here. */
  function sendScannedAddress() {
    const token = since && tokenIn(location.pathname);
    if (token) scans.add(token);
    history.replaceState(null, "", page.dataset.ownUrl);
  }

  // --- Offline ---

  function showLastState() {
    const last = memory.read();
    for (const message of document.querySelectorAll(".message")) message.remove();
    if (last?.sessions && last.at >= since) {
      since = last.at;
      sessions = last.sessions;
      show(page, sessions);
    }
    showLost(since);
  }

  function showLost(moment) {
    const lost = page.querySelector("[data-lost]");
    fill(lost, { time: phoneClock(moment).slice(0, 5) });
    lost.hidden = false;
  }
}

/** Plain HTTP has no service worker. Everything else works without it. */
async function installServiceWorker() {
  if (!navigator.serviceWorker) return;
  const isNew = !navigator.serviceWorker.controller;
  try {
    await navigator.serviceWorker.register(page.dataset.workerUrl, { scope: "/" });
  } catch {
    // No connection, or the browser doesn't allow it here.
    return;
  }
  const { active } = await navigator.serviceWorker.ready;
  if (isNew) active.postMessage("keep-page");
}

function whenIdle(task) {
  (globalThis.requestIdleCallback ?? setTimeout)(task);
}
