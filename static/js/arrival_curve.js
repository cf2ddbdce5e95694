/** The curve of arrivals: drawn by the server, and fetched anew when the counts have changed, not more often than needed. */
import { getHTML } from "./http.js";

const SOONEST_MS = 5000;

export class ArrivalCurve {
  #etag = null;
  #timer = 0;
  #askedAt = -SOONEST_MS;

  /** The counts have changed: fetch the curve soon. */
  changed() {
    clearTimeout(this.#timer);
    const wait = this.#askedAt + SOONEST_MS - performance.now();
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, wait));
  }

  async #ask() {
    const shown = document.getElementById("curve");
    if (!shown || document.hidden) return;
    this.#askedAt = performance.now();
    try {
      const { html, etag } = await getHTML(shown.dataset.url, { etag: this.#etag });
      this.#etag = etag;
      if (html) shown.replaceWith(document.adoptNode(html.getElementById("curve")));
    } catch {
      // The next change of the counts asks again; whether there is a connection, the counts say.
    }
  }
}
