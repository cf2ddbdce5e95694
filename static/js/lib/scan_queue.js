/**
 * Sends scanned codes to the server. A scan that can't be sent is stored with its time, survives a reload, and is sent
 * again: at once when the phone comes online, otherwise after growing pauses.
 */
import { stored } from "./phone_storage.js";

const RETRY_PAUSES_MS = [1000, 2000, 4000, 8000, 15000];
// Scanning continues after this long without an answer, because a newer code is more likely to be accepted.
const ANSWER_WAIT_MS = 2500;
// A code that expires this soon was scanned just before it changed. The next one is already on the screen.
const JUST_EXPIRED_SECONDS = 4;
const KEPT_MS = 12 * 3600 * 1000;

/** @returns {string|null} the token in a QR code's text, if it is a scan address of any host */
export function tokenIn(text) {
  const found = /^(?:https?:\/\/[^/\s]+)?\/a\/([0-9a-z]{20})\/?$/i.exec(text.trim());
  return found && found[1].toUpperCase();
}

/**
 * @param {object} options
 * @param {string} options.user the user whose scans are stored and sent
 * @param {(body: {token: string} | {claim: string}) => Promise<object>} options.send rejects with an HttpError
 * @param {(outcome: Outcome, token: string) => void} options.onOutcome called with every outcome of a scan
 * @returns {{add: (token: string) => Promise<Outcome>, retry: () => void, isWaiting: () => boolean}} `add` resolves
 *   with the outcome, or with "kept" if that takes too long; `isWaiting` tells whether a scan is still being sent
 *
 * @typedef {{name: "marked", answer: object} | {name: "expired"} | {name: "late", seconds: number, at: number}
 *   | {name: "kept", at: number} | {name: "wait", seconds: number} | {name: "signed_out"}
 *   | {name: "refused", code: string, detail: string} | {name: "answered", before: string}} Outcome
 */
export function scanQueue({ user, send, onOutcome }) {
  const store = stored(`scans:${user}`);
  // This page's scans: when they were made, by the monotonic clock, and how often they were sent.
  const ownScans = new Map();
  const listeners = new Map();
  // By token: the name of its outcome.
  const answered = new Map();
  let timer = 0;
  let failures = 0;
  let notBefore = 0;
  let isSending = false;

  const scans = () => (store.read() ?? []).filter((scan) => Math.abs(Date.now() - scan.at) < KEPT_MS);
  const newest = () => scans().slice(-1)[0];
  const keep = (list) => store.write(list.length > 0 ? list : null);

  function add(token) {
    // The same code is in the picture again.
    if (answered.has(token)) return Promise.resolve({ name: "answered", before: answered.get(token) });
    const at = Date.now();
    if (!scans().some((scan) => scan.token === token)) {
      ownScans.set(token, { since: performance.now(), tries: 0 });
      // A newer code of the same session replaces the older one, which may have expired.
      keep([...scans().filter((scan) => !sameSession(scan.token, token)), { token, at }]);
    }
    const outcome = new Promise((resolve) => listeners.set(token, resolve));
    const patience = new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS)).then(() => {
      if (listeners.delete(token)) onOutcome({ name: "kept", at }, token);
      return { name: "kept", at };
    });
    sendAll();
    return Promise.race([outcome, patience]);
  }

  async function sendAll() {
    if (isSending) return;
    clearTimeout(timer);
    const wait = notBefore - performance.now();
    if (wait > 0) {
      timer = setTimeout(sendAll, wait);
      return;
    }
    isSending = true;
    try {
      let scan;
      while ((scan = newest()) && (await sendOne(scan)));
    } finally {
      isSending = false;
    }
  }

  /** @returns {Promise<boolean>} whether the next scan may be sent */
  async function sendOne(scan) {
    const own = ownScans.get(scan.token);
    if (own) own.tries += 1;
    let outcome;
    try {
      const { token, claim } = scan;
      outcome = { name: "marked", answer: await send(claim ? { claim } : { token }) };
    } catch (error) {
      if (error.status === 401 || error.code === "other_user") {
        report(scan, { name: "signed_out" });
        return false;
      }
      if (error.isTemporary !== false) {
        // The server could not mark now, but confirms with a claim that the code was valid on arrival.
        if (error.body?.claim) {
          keep(scans().map((one) => (one.token === scan.token ? { ...one, claim: error.body.claim } : one)));
        }
        retryLater(error);
        const { retryAfter: seconds } = error;
        report(scan, error.status === 429 ? { name: "wait", seconds } : { name: "kept", at: scan.at });
        return false;
      }
      outcome = refusal(error, scan);
    }
    failures = 0;
    answered.set(scan.token, outcome.name);
    // A mark also settles the older codes of its session.
    const isMarked = outcome.name === "marked";
    const isSettled = (one) => one.token === scan.token || (isMarked && sameSession(one.token, scan.token));
    keep(scans().filter((one) => !isSettled(one)));
    report(scan, outcome);
    return true;
  }

  function retryLater(error) {
    const pause = RETRY_PAUSES_MS[Math.min(failures, RETRY_PAUSES_MS.length - 1)];
    failures += 1;
    if (error.retryAfter) notBefore = performance.now() + error.retryAfter * 1000;
    timer = setTimeout(sendAll, Math.max(pause * (1 + Math.random() / 4), (error.retryAfter ?? 0) * 1000));
  }

  function refusal(error, scan) {
    if (error.code !== "token_expired") return { name: "refused", code: error.code, detail: error.detail };
    const seconds = secondsSince(scan);
    const newer = scans().some((one) => one.token !== scan.token && sameSession(one.token, scan.token));
    const isFirstTry = ownScans.get(scan.token)?.tries === 1 && seconds < JUST_EXPIRED_SECONDS;
    return newer || isFirstTry ? { name: "expired" } : { name: "late", seconds, at: scan.at };
  }

  /** By this phone's own clock; within a page by the monotonic one, which nobody can set. */
  function secondsSince(scan) {
    const own = ownScans.get(scan.token);
    const milliseconds = own ? performance.now() - own.since : Date.now() - scan.at;
    return Math.max(0, Math.round(milliseconds / 1000));
  }

  function report(scan, outcome) {
    onOutcome(outcome, scan.token);
    listeners.get(scan.token)?.(outcome);
    listeners.delete(scan.token);
  }

  const retry = () => {
    if (scans().length > 0) sendAll();
  };
  window.addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => document.hidden || retry());
  retry();
  return { add, retry, isWaiting: () => scans().length > 0 };
}

/** A token begins with the id of its session. */
const sameSession = (one, other) => one.slice(0, 8) === other.slice(0, 8);
