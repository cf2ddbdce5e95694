/**
 * Calls a function repeatedly without burdening the server: not while the page is hidden, at once when it is visible or
 * online again, with growing pauses while the server doesn't answer, and never sooner than the server asks.
 */
import { reportFault } from "./errors.js";

const SLOWEST_MS = 30000;

/**
 * @param {(signal: AbortSignal) => Promise<number|void>} fn one round; the next starts after it has ended. It may
 *   return the milliseconds to wait until then, to which a jitter of up to half is added
 * @param {object} options
 * @param {number} options.every milliseconds between the end of a round and the start of the next
 * @param {number} [options.jitter] up to this many random milliseconds are added, so that 600 phones don't poll at once
 * @param {number} [options.retry] the first pause in milliseconds after a failed round; by default `every`
 * @param {number} [options.slowest] the longest pause in milliseconds while the server doesn't answer
 * @param {(lost: {since: Date, error: Error}) => void} [options.onLost] after each failed round; `since` is the
 *   time of the last successful one, or of the start
 * @param {(back: {since: Date}) => void} [options.onBack] after the first successful round that follows a failed one
 * @returns {{now: () => void, stop: () => void}} `now` starts a round at once, or right after the running one
 */
export function poll(fn, { every, jitter = 0, retry = every, slowest = SLOWEST_MS, onLost = () => {}, onBack = () => {} }) {
  let timer = 0;
  let running = null;
  let isRoundPending = false;
  let stopped = false;
  let failures = 0;
  let lastSuccess = new Date();
  let notBefore = 0;

  async function round() {
    clearTimeout(timer);
    if (stopped) return;
    if (running) {
      isRoundPending = true;
      return;
    }
    if (Date.now() < notBefore) {
      timer = setTimeout(round, notBefore - Date.now());
      return;
    }
    const controller = new AbortController();
    running = controller;
    let wait = every;
    let spread = jitter;
    try {
      const requestedWait = await fn(controller.signal);
      if (requestedWait > 0) {
        wait = requestedWait;
        spread = requestedWait / 2;
      }
      const since = lastSuccess;
      lastSuccess = new Date();
      if (failures > 0) {
        failures = 0;
        onBack({ since });
      }
    } catch (error) {
      if (stopped) return;
      reportFault(error);
      failures += 1;
      wait = Math.min(slowest, retry * 2 ** Math.min(failures - 1, 10));
      if (error.retryAfter) {
        wait = Math.max(wait, error.retryAfter * 1000);
        notBefore = Date.now() + error.retryAfter * 1000;
      }
      // 429 asks for a pause, so the server is there.
      if (error.status !== 429) onLost({ since: lastSuccess, error });
    } finally {
      running = null;
    }
    if (stopped) return;
    if (isRoundPending) {
      isRoundPending = false;
      round();
    } else if (!document.hidden) {
      timer = setTimeout(round, wait + Math.random() * spread);
    }
  }

  /** A hidden page stops polling. A page that becomes visible polls at once. */
  function onVisibility() {
    if (document.hidden) clearTimeout(timer);
    else round();
  }

  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("online", round);
  // A page from the back-forward cache shows an old state.
  const onShow = (event) => event.persisted && round();
  window.addEventListener("pageshow", onShow);
  round();

  return {
    now: round,
    stop() {
      stopped = true;
      clearTimeout(timer);
      running?.abort();
      document.removeEventListener("visibilitychange", onVisibility);
      window.removeEventListener("online", round);
      window.removeEventListener("pageshow", onShow);
    },
  };
}
