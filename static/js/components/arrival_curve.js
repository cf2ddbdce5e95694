/** The curve of arrivals. The server draws it; this fetches it again after the counts changed, at most every 5 s. */
import { getHTML } from "../lib/http.js";

const INTERVAL_MS = 5000;

export class ArrivalCurve {
  #etag = null;
  #timer = 0;
  #fetchedAt = -INTERVAL_MS;

  /** Fetch the curve again soon, because the counts have changed. */
  refreshSoon() {
    clearTimeout(this.#timer);
    const wait = this.#fetchedAt + INTERVAL_MS - performance.now();
    this.#timer = setTimeout(() => this.#fetch(), Math.max(0, wait));
  }

  async #fetch() {
    const shown = document.getElementById("curve");
    if (!shown || document.hidden) return;
    this.#fetchedAt = performance.now();
    try {
      const { html, etag } = await getHTML(shown.dataset.url, { etag: this.#etag });
      this.#etag = etag;
      if (html) shown.replaceWith(document.adoptNode(html.getElementById("curve")));
    } catch {
      // The next change of the counts tries again. The counts already report a lost connection.
    }
  }
}
