/** Says that there is no connection, and since when, as long as one of the page's polls has none. */
import { setText } from "./text.js";

const SAID_AFTER_MS = 3000;

export class Connection {
  /** @param {HTMLElement} note its `data-text` are the words, with TIME for the moment */
  constructor(note) {
    this.note = note;
    this.lost = new Map();
  }

  /**
   * What a poll is given to report to.
   * @param {string} name of the poll
   * @param {(error: Error) => boolean} isGone whether an error means something else than a lost connection
   */
  of(name, isGone) {
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
    const isSaid = since !== undefined && Date.now() - since > SAID_AFTER_MS;
    if (isSaid) {
      const time = since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
      setText(this.note, this.note.dataset.text.replace("TIME", time));
    }
    this.note.hidden = !isSaid;
  }
}
