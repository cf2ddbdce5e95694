/**
 * Keeps the list of students up to date. Rows are changed in place, so that focus, scrolling and the search stay.
 */
import { clock, setText } from "../../lib/text.js";
import { labelOf, reasonOf, showsMarkTime, stateOf, tagClassOf } from "./student_states.js";

const setData = (row, name, value) => {
  if (value) row.dataset[name] = value;
  else delete row.dataset[name];
};

export class StudentRows {
  /** @param {HTMLElement} list the table's body; its data attributes have the texts */
  constructor(list) {
    this.texts = list.dataset;
    this.rows = new Map([...list.children].map((row) => [row.dataset.student, row]));
    this.changedAt = new Map();
  }

  /** Show a record that was just changed on this page. */
  showChanged(record) {
    this.changedAt.set(record.student_id, performance.now());
    this.#show(record);
  }

  /**
   * Show records that changed on the server.
   * @param {{records: object[], whole: boolean}} changes as returned by the API
   * @param {number} requestedAt when they were requested; rows changed here since then are newer
   * @returns {{fits: boolean, all: boolean}} whether the page lists these students, and whether no record was skipped
   */
  showChanges({ records, whole }, requestedAt) {
    let known = 0;
    let skipped = 0;
    for (const record of records) {
      if (!this.rows.has(record.student_id)) continue;
      known += 1;
      if ((this.changedAt.get(record.student_id) ?? 0) < requestedAt) this.#show(record);
      else skipped += 1;
    }
    const fits = known === records.length && (!whole || known === this.rows.size);
    return { fits, all: skipped === 0 };
  }

  #show(record) {
    const row = this.rows.get(record.student_id);
    if (!row) return;
    const state = stateOf(record);
    const joined = state === "joined" ? record.joined_at : null;
    const tag = row.querySelector("[data-tag]");
    const tagClass = tagClassOf(state, record.label);
    if (row.dataset.state !== state) row.dataset.state = state;
    if (tag.className !== tagClass) tag.className = tagClass;
    setData(row, "reason", record.reason);
    const isMissed = record.joined_at && (!record.status || record.method === "end");
    if (isMissed) row.dataset.missed = "";
    else delete row.dataset.missed;
    setText(row.querySelector("[data-roll]"), record.roll_number);
    setText(row.querySelector("[data-name]"), record.name);
    setText(tag.querySelector("[data-word]"), labelOf(state, record.label));
    setText(tag.querySelector("[data-time]"), clock(showsMarkTime(state) ? record.marked_at : joined));
    setText(row.querySelector("[data-how]"), this.#text("method", record.method));
    const texts = [record.reason && reasonOf(record.reason), record.note];
    setText(row.querySelector("[data-note]"), texts.filter(Boolean).join(" · "));
    setText(row.querySelector("[data-action]"), this.#text("word", record.status ? "change" : "mark"));
    this.#showFlags(row, record);
  }

  /** Show what is unusual about the scan, and whose marks came from the same phone. */
  #showFlags(row, record) {
    const { flags, shares_device_with: sharers, shares_device_on_other_days_with: others } = record;
    setData(row, "flagged", sharers.join(" "));
    setData(row, "unusual", flags.length + others.length ? "yes" : "");
    setData(row, "beforeSignIn", record.method === "claim" ? "yes" : "");
    const texts = flags.map((flag) => this.#text("flag", flag));
    if (sharers.length) texts.push(this.#text("word", "samePhone").replace("NAMES", () => this.#names(sharers)));
    if (others.length) texts.push(this.#text("word", "otherDay").replace("NAMES", () => this.#names(others)));
    setText(row.querySelector("[data-flag]"), texts.join(" · "));
  }

  /** List the students who were marked from one phone, phone by phone. */
  showPhones(list) {
    const phones = new Map();
    for (const [id, row] of this.rows) {
      if (!row.dataset.flagged) continue;
      const ids = [id, ...row.dataset.flagged.split(" ")].sort();
      phones.set(ids.join(" "), ids.filter((one) => this.rows.has(one)));
    }
    const texts = [...phones.values()].map((ids) => ids.map((id) => this.#named(id, list)).join(", "));
    if (texts.join("\n") === [...list.children].map((item) => item.textContent).join("\n")) return;
    list.replaceChildren(
      ...texts.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
  }

  #named(id, list) {
    const beforeSignIn = this.rows.get(id).dataset.beforeSignIn !== undefined;
    return beforeSignIn ? `${this.#name(id)} – ${list.dataset.wordBeforeSignIn}` : this.#name(id);
  }

  #names(ids) {
    return ids.map((id) => this.#name(id)).join(", ");
  }

  /** Students of other sections are named by id. */
  #name(id) {
    const row = this.rows.get(id);
    if (!row) return id;
    return `${row.querySelector("[data-name]").textContent} (${row.querySelector("[data-roll]").textContent})`;
  }

  #text(kind, name) {
    return (name && this.texts[kind + name[0].toUpperCase() + name.slice(1)]) ?? "";
  }
}
