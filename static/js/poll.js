/**
 * Calls a function again and again, as a good guest: not while the page is hidden, at once when it is seen or
 * online again, ever more slowly while the server doesn't answer, and never sooner than the server asks.
 */

const SLOWEST_MS = 30000;

/**
 * @param {(signal: AbortSignal) => Promise<number|void>} fn one round; the next starts only after it has ended. It may
 *   give the milliseconds to wait until then (with a jitter of up to half of them), as the server asks
 * @param {object} options
 * @param {number} options.every milliseconds between the end of a round and the next
 * @param {number} [options.jitter] up to this many milliseconds are added at random, so that 600 phones spread
 * @param {number} [options.slowest] milliseconds that a round waits at most while the server doesn't answer
 * @param {(lost: {since: Date, error: Error}) => void} [options.onLost] after each failed round; `since` is the
 *   moment of the last good one, or of the start
 * @param {(back: {since: Date}) => void} [options.onBack] after the first good round that follows a failed one
 * @returns {{now: () => void, stop: () => void}} `now` starts a round at once (where one is running: right after it)
 */
export function poll(fn, { every, jitter = 0, slowest = SLOWEST_MS, onLost = () => {}, onBack = () => {} }) {
  let timer = 0;
  let running = null;
  let again = false;
  let stopped = false;
  let failures = 0;
  let lastGood = new Date();
  let notBefore = 0;

  async function round() {
    clearTimeout(timer);
    if (stopped) return;
    if (running) {
      again = true;
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
      const asked = await fn(controller.signal);
      if (asked > 0) {
        wait = asked;
        spread = asked / 2;
      }
      const since = lastGood;
      lastGood = new Date();
      if (failures > 0) {
        failures = 0;
        onBack({ since });
      }
    } catch (error) {
      if (stopped) return;
      failures += 1;
      wait = Math.min(slowest, every * 2 ** Math.min(failures - 1, 10));
      if (error.retryAfter) {
        wait = Math.max(wait, error.retryAfter * 1000);
        notBefore = Date.now() + error.retryAfter * 1000;
      }
      // Asked to come later: the server is there.
      if (error.status !== 429) onLost({ since: lastGood, error });
    } finally {
      running = null;
    }
    if (stopped) return;
    if (again) {
      again = false;
      round();
    } else if (!document.hidden) {
      timer = setTimeout(round, wait + Math.random() * spread);
    }
  }

  /** A hidden page stops asking; one that is seen again asks at once. */
  function onVisibility() {
    if (document.hidden) clearTimeout(timer);
    else round();
  }

  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("online", round);
  // A page taken from the back-forward cache shows what was true when it was left.
  const onShow = (event) => event.persisted && round();
  window.addEventListener("pageshow", onShow);
  round();

  return {
    now: round,
    stop() {
      stopped = true;
      clearTimeout(timer);
      running?.abort(new DOMException("stopped", "AbortError"));
      document.removeEventListener("visibilitychange", onVisibility);
      window.removeEventListener("online", round);
      window.removeEventListener("pageshow", onShow);
    },
  };
}
