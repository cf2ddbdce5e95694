/**
 * The messages about a scan that was not a mark at once (templates/qrsessions/parts/scan_words.html), one at a time.
 * A message belongs to what the page shows: when that changes, it goes, unless its scan is still being sent.
 */
import { fill, isMark, stateOfCode, statesOf } from "./student_cards.js";

const SENDING = new Set(["kept", "wait"]);
const CAN_SCAN = new Set(["scan", "not_joined"]);

export class ScanMessages {
  #page;
  #lines;
  #states;
  #name = "";
  #token = "";

  /** @param {HTMLElement} page the element with `data-student` */
  constructor(page) {
    this.#page = page;
    this.#lines = [...page.querySelectorAll("[data-word]")];
    this.#states = statesOf(page);
  }

  /**
   * Show a message, unless it makes no sense in the state of the scan's session.
   * @param {string} name the message's `data-word`
   * @param {object} texts what its slots show
   * @param {string} token the scanned token
   */
  show(name, texts, token) {
    const state = stateOfCode(this.#page, token);
    if (isMark(state)) return this.clear();
    // Only a page with a scanner can ask for another scan.
    this.#name = name === "late" && !CAN_SCAN.has(state) ? "missed" : name;
    this.#token = token;
    for (const line of this.#lines) {
      line.hidden = line.dataset.word !== this.#name;
      if (!line.hidden) fill(line, texts);
    }
  }

  clear() {
    this.#name = "";
    for (const line of this.#lines) line.hidden = true;
  }

  /** The scan was answered without a message. */
  clearSending() {
    if (SENDING.has(this.#name)) this.clear();
  }

  /** Hide the message and return its text, to show it elsewhere. */
  take() {
    const text = this.textOf(this.#name);
    this.clear();
    return text;
  }

  textOf(name) {
    return this.#lines.find((line) => line.dataset.word === name)?.textContent.trim() ?? "";
  }

  /** The cards may have changed. */
  update() {
    const states = statesOf(this.#page);
    if (states === this.#states) return;
    this.#states = states;
    if (!SENDING.has(this.#name) || isMark(stateOfCode(this.#page, this.#token))) this.clear();
  }
}
