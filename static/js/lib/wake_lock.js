/** Keeps the display on while the page is visible. Browsers allow it only over HTTPS or on localhost. */
export function keepAwake() {
  if (!navigator.wakeLock) return;
  let lock = null;

  async function request() {
    if (document.hidden || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
    } catch {
      // Refused, for example on low battery. It is requested again when the page is next visible.
    }
  }

  // The browser releases the lock whenever the page is hidden.
  document.addEventListener("visibilitychange", request);
  request();
}
