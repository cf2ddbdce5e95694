const TIMEOUT_MS = 4000;

/**
 * Load and decode an image, with a time limit, because a broken connection may hang for minutes.
 *
 * @param {string} url
 * @param {object} [options]
 * @param {AbortSignal} [options.signal] gives up earlier
 * @returns {Promise<HTMLImageElement>} it can be shown without a blank frame
 * @throws if it could not be loaded in time
 */
export async function loadImage(url, { signal } = {}) {
  const image = new Image();
  // Paint it in the same frame in which it replaces another one.
  image.decoding = "sync";
  image.src = url;
  let giveUp;
  const limit = new Promise((_, reject) => {
    giveUp = () => reject(new DOMException(url, "TimeoutError"));
  });
  const timer = setTimeout(giveUp, TIMEOUT_MS);
  signal?.addEventListener("abort", giveUp);
  try {
    // Chromium never settles decode() after `src` was emptied.
    await Promise.race([image.decode(), limit]);
    return image;
  } catch (error) {
    // This cancels the request.
    image.src = "";
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
