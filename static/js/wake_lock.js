/** Keeps the display on while the page is seen, where the browser can: over https, or on the machine itself. */
export function keepAwake() {
  if (!navigator.wakeLock) return;
  let lock = null;

  async function hold() {
    if (document.hidden || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
    } catch {
      // A low battery forbids it. The next time the page is seen it is asked for again.
    }
  }

  // The browser takes the lock back whenever the page is hidden.
  document.addEventListener("visibilitychange", hold);
  hold();
}
