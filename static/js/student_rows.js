/**
 * The list of students, kept as the server has it: each row is changed in place, so that focus, scrolling and a
 * search stay as they are.
 */
import { setText } from "./text.js";

/** "2026-10-05T10:04:12+02:00" is in the institution's own time zone: what it says is what is shown. */
export const clock = (moment) => (moment ? moment.slice(11, 16) : "");

const SHOWS_MARK_TIME = new Set(["present", "late"]);

export class StudentRows {
  /** @param {HTMLElement|null} list the table's body; it holds the words of each state in `data-state-…` */
  constructor(list) {
    this.words = list?.dataset ?? {};
    this.rows = new Map([...(list?.children ?? [])].map((row) => [row.dataset.student, row]));
    this.changedAt = new Map();
  }

  /** The row of a student, by student id. */
  row(studentId) {
    return this.rows.get(studentId);
  }

  /** Show a record that was just changed here. */
  showChanged(record) {
    this.changedAt.set(record.student_id, performance.now());
    this.#show(record);
  }

  /**
   * Show the whole roster.
   * @param {object[]} records
   * @param {number} askedAt when they were asked for: what was changed here since is newer
   * @returns {boolean} whether the page lists exactly these students
   */
  showAll(records, askedAt) {
    let known = 0;
    for (const record of records) {
      if (!this.rows.has(record.student_id)) continue;
      known += 1;
      if ((this.changedAt.get(record.student_id) ?? 0) < askedAt) this.#show(record);
    }
    return known === records.length && known === this.rows.size;
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
    setText(row.querySelector("[data-roll]"), record.roll_number);
    setText(row.querySelector("[data-name]"), record.name);
    setText(tag.querySelector("[data-word]"), this.#word("state", state));
    setText(tag.querySelector("[data-time]"), clock(SHOWS_MARK_TIME.has(state) ? record.marked_at : joined));
    setText(row.querySelector("[data-how]"), this.#word("method", record.method));
    setText(row.querySelector("[data-action]"), this.#word("word", record.status ? "change" : "mark"));
  }

  #word(kind, name) {
    return (name && this.words[kind + name[0].toUpperCase() + name.slice(1)]) ?? "";
  }
}
