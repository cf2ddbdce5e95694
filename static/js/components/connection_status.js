/** Shows a note, with the time, while one of the page's polls has no connection. */
import { setText } from "../lib/text.js";

const SHOWN_AFTER_MS = 3000;

export class ConnectionStatus {
  /** @param {HTMLElement} note its `data-text` is the text, with TIME as the placeholder */
  constructor(note) {
    this.note = note;
    this.lost = new Map();
  }

  /**
   * The options for a poll that reports its connection here.
   * @param {string} name the poll's name
   * @param {(error: Error) => boolean} isGone whether the error means that the page is gone, not the connection
   */
  optionsFor(name, isGone) {
    return {
      onLost: ({ since, error }) => {
        if (isGone(error)) return;
        this.lost.set(name, since);
        this.#show();
      },
      onBack: () => {
        this.lost.delete(name);
        this.#show();
      },
    };
  }

  #show() {
    const since = [...this.lost.values()].sort((a, b) => a - b)[0];
    const isShown = since !== undefined && Date.now() - since > SHOWN_AFTER_MS;
    if (isShown) {
      const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
      const time = since.toLocaleTimeString([], format);
      setText(this.note, this.note.dataset.text.replace("TIME", time));
    }
    this.note.hidden = !isShown;
  }
}
