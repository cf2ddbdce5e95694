/**
 * Shows the entries of a SendQueue in a list: on the way, waiting for the server, or failed, with buttons to try again or
 * to remove it. The texts are in templates/qrsessions/parts/unsent_entry.html.
 */
import { setText } from "../../lib/text.js";

export class UnsentList {
  #list;
  #nameOf;
  #focusAfter;
  #texts;
  #items = new Map();
  #template = document.querySelector("template[data-unsent-entry]");

  /**
   * @param {HTMLElement} list
   * @param {object} options
   * @param {(entry: object) => string} options.nameOf what the list calls the entry
   * @param {HTMLElement} [options.focusAfter] where the focus goes when a button disappears
   * @param {Record<string, string>} [options.texts] other texts for states
   */
  constructor(list, { nameOf, focusAfter, texts = {} }) {
    this.#list = list;
    this.#nameOf = nameOf;
    this.#focusAfter = focusAfter;
    this.#texts = { ...this.#template.dataset, ...texts };
  }

  /** @param {import("../../lib/send_queue.js").SendQueue} queue the queue that the buttons act on */
  show(entry, queue) {
    const item = this.#items.get(entry.id) ?? this.#newItem(entry, queue);
    item.dataset.state = entry.state;
    setText(item.querySelector("[data-message]"), entry.message || this.#texts[entry.state]);
    item.querySelector("[data-retry]").hidden = entry.state === "sending";
    item.querySelector("[data-remove]").hidden = entry.state !== "failed";
  }

  /** Remove the entry's item, or put another element in its place. */
  remove(entry, ...replacement) {
    this.#items.get(entry.id)?.replaceWith(...replacement);
    this.#items.delete(entry.id);
  }

  #newItem(entry, queue) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const name = this.#nameOf(entry);
    const press = (button, act) => {
      setText(button.querySelector("[data-of]"), ` ${name}`);
      button.addEventListener("click", (event) => {
        act();
        // By keyboard; a tap must not open the phone's keyboard.
        if (event.detail === 0) this.#focusAfter?.focus();
      });
    };
    setText(item.querySelector("[data-name]"), name);
    press(item.querySelector("[data-retry]"), () => queue.retry(entry));
    press(item.querySelector("[data-remove]"), () => {
      queue.remove(entry);
      this.remove(entry);
    });
    this.#items.set(entry.id, item);
    this.#list.prepend(item);
    return item;
  }
}
