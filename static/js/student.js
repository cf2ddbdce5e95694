/**
 * The student's page, from the door to "you are present": joins on opening, follows what is open, and brings scans to
 * the server. All words are the page's own.
 */
import { getJSON, postJSON } from "./http.js";
import { forget, kept } from "./phone_memory.js";
import { poll } from "./poll.js";
import { attachScanner, preload } from "./scanner.js";
import { sendScans, tokenIn } from "./scans.js";
import { fill, ownClock, show, showEnded } from "./student_cards.js";

const page = document.querySelector("[data-student]");
if (page) start();

function start() {
  const { user } = page.dataset;
  const headers = { "X-Rollcall-User": user };
  const cards = page.querySelector("[data-cards]");
  const memory = kept(`state:${user}`);
  const scanners = new Map();
  let etag = null;
  let sessions = null;
  let pollAfter;
  let changes = 0;
  // Shown by the service worker in a dead zone: true at that moment.
  let since = page.dataset.kept ? Number(page.dataset.kept) : null;
  let joinOnOpening = true;

  if (since) showLastState();
  const scans = sendScans({
    user,
    send: (body) => postJSON(page.dataset.markUrl, body, { headers }),
    onOutcome: outcomeOf,
  });
  takeAddress();
  followScanners();

  const polling = poll(
    async (signal) => {
      const before = changes;
      const answer = await getJSON(page.dataset.url, { signal, etag, headers });
      // What was asked before a join or a mark tells an older state.
      if (before !== changes) return polling.now();
      etag = answer.etag;
      if (!answer.unchanged) {
        pollAfter = answer.data.poll_after_ms;
        await update(answer.data.sessions, signal);
      }
      memory.write({ at: Date.now(), sessions });
      since = null;
      scans.retry();
      if (joinOnOpening) joinNow();
      return pollAfter;
    },
    {
      every: 3000,
      jitter: 2000,
      onLost(lost) {
        // Signed out, or somebody else has signed in: the page itself leads on.
        if ([401, 403].includes(lost.error.status) || lost.error.code === "other_user") location.reload();
        showLost(since ?? lost.since.getTime());
      },
      onBack() {
        page.querySelector("[data-lost]").hidden = true;
      },
    },
  );
  if (!since) joinNow();

  cards.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-api], form[data-api-group]")) return;
    event.preventDefault();
    send(form, event.submitter ?? form.querySelector("button"));
  });
  cards.addEventListener("input", (event) => {
    event.target.form.querySelector("[data-error]").hidden = true;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.action === new URL(page.dataset.signOutUrl, location.href).href) forget();
  });
  whenIdle(keepForDeadZones);

  async function update(open, signal) {
    sessions = open;
    const ended = show(page, open);
    followScanners();
    if (ended.length === 0) return;
    const { data } = await getJSON(page.dataset.recordsUrl, { signal });
    showEnded(page, ended, data);
  }

  /** What a join or a mark was answered is true now; the next round tells the rest. */
  function change(id, values) {
    changes += 1;
    if (sessions) update(sessions.map((one) => (one.id === id ? { ...one, ...values } : one)));
    askAnew();
  }

  /** With an ETag, the answer may be a second old. */
  function askAnew() {
    etag = null;
    polling.now();
  }

  /** Joins the session whose address was opened, else the only one that there is; but only on opening the page. */
  async function joinNow() {
    joinOnOpening = false;
    const { join } = page.dataset;
    const open = [...cards.children].filter((card) => ["join", "choose"].includes(card.dataset.state));
    const wanted = join ? open.filter((card) => card.dataset.session === join) : open;
    if (wanted.length !== 1 || wanted[0].dataset.state !== "join") return;
    const form = wanted[0].querySelector("form");
    joinOnOpening = (await send(form, form.querySelector("button"))) === "no answer";
  }

  /** Joins, or sends the typed code. */
  async function send(form, button) {
    const error = form.querySelector("[data-error]");
    const { session, group, code } = Object.fromEntries(new FormData(form));
    const inGroup = group && form.dataset.apiGroup;
    const url = (inGroup || form.dataset.api).replace("00000000", inGroup ? group : session);
    let body = code === undefined ? {} : { session, code };
    if (button.name === "section") body = { section: Number(button.value) };
    // Not `disabled`, which would throw away the focus.
    if (button.ariaDisabled === "true") return "";
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
      askAnew();
      return noAnswer ? "no answer" : "refused";
    } finally {
      button.ariaDisabled = "false";
    }
  }

  function marked({ session, status, marked_at, stats }) {
    navigator.vibrate?.(200);
    change(session, { mark: status, marked_at, stats, can_scan: false, can_join: false });
  }

  // --- Scans ---

  /** Gives life to the scanners of new cards, and closes the camera of those that are gone. */
  function followScanners() {
    for (const [root, scanner] of scanners) {
      if (root.isConnected) continue;
      scanner.close();
      scanners.delete(root);
    }
    for (const root of cards.querySelectorAll("[data-scanner]")) {
      if (!scanners.has(root)) scanners.set(root, attachScanner(root, { onText: scanned }));
    }
    if (scanners.size > 0 || cards.querySelector("[data-state=waiting]")) whenIdle(() => preload());
  }

  async function scanned(text) {
    const token = tokenIn(text);
    const outcome = token ? await scans.add(token) : { name: "not_ours" };
    if (outcome.name === "marked") return { tone: "good", keepScanning: false };
    if (!["not_ours", "refused"].includes(outcome.name)) return {};
    // Said below the picture, where the eyes are.
    const message = say(outcome.name, outcome);
    say("");
    return { message, tone: "bad" };
  }

  function outcomeOf(outcome) {
    if (outcome.name === "marked") {
      say("");
      marked(outcome.answer);
    } else if (outcome.name === "signed_out") {
      polling?.now();
    } else if (outcome.name !== "expired") {
      say(outcome.name, { ...outcome, time: ownClock(outcome.at) });
      if (outcome.code === "not_joined" || outcome.code === "not_active") askAnew();
    } else if (!page.querySelector("[data-word=kept]").hidden) {
      say("");
    }
  }

  /** Shows one of the page's words on a scan, or none. */
  function say(name, texts) {
    let said = "";
    for (const words of page.querySelectorAll("[data-word]")) {
      words.hidden = words.dataset.word !== name;
      if (words.hidden) continue;
      fill(words, texts);
      said = words.textContent.trim();
    }
    return said;
  }

  /** The address of a scan that the server could not be asked for: the worker shows this page for it. */
  function takeAddress() {
    const token = since && tokenIn(location.pathname);
    if (token) scans.add(token);
    history.replaceState(null, "", page.dataset.ownUrl);
  }

  // --- Dead zones ---

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
    fill(lost, { time: ownClock(moment).slice(0, 5) });
    lost.hidden = false;
  }
}

/** Plain http has no service worker; all the rest works without. */
async function keepForDeadZones() {
  if (!navigator.serviceWorker) return;
  const isNew = !navigator.serviceWorker.controller;
  await navigator.serviceWorker.register(page.dataset.workerUrl, { scope: "/" });
  const { active } = await navigator.serviceWorker.ready;
  if (isNew) active.postMessage("keep-page");
}

function whenIdle(task) {
  (globalThis.requestIdleCallback ?? setTimeout)(task);
}
