/**
 * The list of students, kept as the server has it: each row is changed in place, so that focus, scrolling and a
 * search stay as they are.
 */
import { setText } from "./text.js";

/** "2026-10-05T10:04:12+02:00" is in the institution's own time zone: what it says is what is shown. */
export const clock = (moment) => (moment ? moment.slice(11, 16) : "");

const SHOWS_MARK_TIME = new Set(["present", "late"]);

export class StudentRows {
  /** @param {HTMLElement} list the table's body; it holds the words of each state in `data-state-…` */
  constructor(list) {
    this.words = list.dataset;
    this.rows = new Map([...list.children].map((row) => [row.dataset.student, row]));
    this.changedAt = new Map();
  }

  /** What the list calls a state. */
  wordOf = (state) => this.#word("state", state);

  /** Show a record that was just changed here. */
  showChanged(record) {
    this.changedAt.set(record.student_id, performance.now());
    this.#show(record);
  }

  /**
   * Show what changed.
   * @param {{records: object[], whole: boolean}} changes as the API tells them
   * @param {number} askedAt when they were asked for: what was changed here since may be newer
   * @returns {{fits: boolean, all: boolean}} whether the page lists these students, and whether all of it was shown
   */
  showChanges({ records, whole }, askedAt) {
    let known = 0;
    let skipped = 0;
    for (const record of records) {
      if (!this.rows.has(record.student_id)) continue;
      known += 1;
      if ((this.changedAt.get(record.student_id) ?? 0) < askedAt) this.#show(record);
      else skipped += 1;
    }
    const fits = known === records.length && (!whole || known === this.rows.size);
    return { fits, all: skipped === 0 };
  }

  #show(record) {
    const row = this.rows.get(record.student_id);
    if (!row) return;
    const state = record.status ?? (record.joined_at ? "joined" : "none");
    const joined = state === "joined" ? record.joined_at : null;
    const tag = row.querySelector("[data-tag]");
    if (row.dataset.state !== state) {
      row.dataset.state = state;
      tag.className = `tag ${state}`;
    }
    const isMissed = record.joined_at && (!record.status || record.method === "end");
    if (isMissed) row.dataset.missed = "";
    else delete row.dataset.missed;
    setText(row.querySelector("[data-roll]"), record.roll_number);
    setText(row.querySelector("[data-name]"), record.name);
    setText(tag.querySelector("[data-word]"), this.wordOf(state));
    setText(tag.querySelector("[data-time]"), clock(SHOWS_MARK_TIME.has(state) ? record.marked_at : joined));
    setText(row.querySelector("[data-how]"), this.#word("method", record.method));
    setText(row.querySelector("[data-action]"), this.#word("word", record.status ? "change" : "mark"));
    this.#showSharers(row, record.shares_device_with);
  }

  /** Whose marks came from the same phone. Who is not in this list, but in another section of the hall, is named by id. */
  #showSharers(row, studentIds) {
    const flagged = studentIds.join(" ");
    if ((row.dataset.flagged ?? "") === flagged) return;
    if (flagged) row.dataset.flagged = flagged;
    else delete row.dataset.flagged;
    const names = studentIds.map((id) => {
      const other = this.rows.get(id);
      if (!other) return id;
      return `${other.querySelector("[data-name]").textContent} (${other.querySelector("[data-roll]").textContent})`;
    });
    const words = this.#word("word", "samePhone").replace("NAMES", () => names.join(", "));
    setText(row.querySelector("[data-flag]"), flagged ? words : "");
  }

  #word(kind, name) {
    return (name && this.words[kind + name[0].toUpperCase() + name.slice(1)]) ?? "";
  }
}
