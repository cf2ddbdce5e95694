/**
 * The search field and filter chips above the list of students. A row is shown if it matches the typed text and the chip;
 * the best matches come first. The search is forgotten when the teacher leaves the page.
 */
import { highlightNumber, highlightText, rankOf } from "../../lib/search.js";
import { setText } from "../../lib/text.js";
import { ShownNote } from "./shown_note.js";
import { isMark } from "./student_states.js";

/** What each chip shows. Chips not listed here are states. */
const CHIPS = {
  all: () => true,
  missed: (row) => "missed" in row.dataset,
  flagged: (row) => "flagged" in row.dataset,
  unusual: (row) => "unusual" in row.dataset,
};
const matchesChip = (chip, row) => (CHIPS[chip] ? CHIPS[chip](row) : row.dataset.state === chip);

export class StudentFilter {
  /** @param {HTMLElement} list the table's body */
  constructor(list) {
    this.list = list;
    this.rows = [...list.children];
    this.ranks = new Map();
    this.field = document.querySelector("[data-search]");
    this.chips = document.querySelector("[data-chips]");
    this.none = document.getElementById("no-student");
    this.note = new ShownNote(document.querySelector("[data-shown-note]"), () => this.clear());
    this.field.hidden = false;
    this.chips.hidden = false;
    this.field.addEventListener("input", () => this.#search());
    this.chips.addEventListener("change", () => this.#search());
    this.#search();
  }

  /** Show all students. */
  clear() {
    this.field.value = "";
    this.chips.querySelector("[value=all]").checked = true;
    this.#search();
    this.field.focus();
  }

  /** Show the matching rows and the count of each chip. The row with the focus stays visible. */
  apply() {
    const typed = this.field.value.trim();
    const chip = this.chips.querySelector(":checked")?.value ?? "all";
    let shown = 0;
    for (const row of this.rows) {
      const rank = typed ? rankOf(typed, textsOf(row)) : 0;
      this.ranks.set(row, rank);
      const matches = matchesChip(chip, row) && rank < Infinity;
      row.hidden = !matches && !row.contains(document.activeElement);
      if (!row.hidden) shown += 1;
      showMatch(row, rank < Infinity ? typed : "");
    }
    this.none.hidden = shown > 0;
    this.note.show(shown, this.rows.length, typed !== "" || chip !== "all");
    this.#count();
  }

  /** The row that Enter opens: the best match of the whole list. If several match equally well, say so. */
  bestMatch() {
    if (!this.field.value.trim()) return null;
    const best = Math.min(...this.ranks.values());
    if (best === Infinity) return null;
    const matches = this.rows.filter((row) => this.ranks.get(row) === best);
    if (matches.length > 1) this.note.explain("several", matches.length);
    else if (matches[0].hidden) this.note.explain("filtered");
    else return matches[0];
    return null;
  }

  #search() {
    this.note.explain("");
    this.apply();
    const inOrder = [...this.rows].sort((one, other) => this.ranks.get(one) - this.ranks.get(other) || 0);
    if (inOrder.some((row, place) => row !== this.list.children[place])) this.list.append(...inOrder);
  }

  #matching(chip) {
    return this.rows.filter((row) => matchesChip(chip, row));
  }

  #count() {
    for (const input of this.chips.querySelectorAll("input")) {
      const number = this.#matching(input.value).length;
      for (const element of document.querySelectorAll(`[data-count="${input.value}"]`)) setText(element, number);
      input.closest("label").hidden = number === 0 && !input.checked && input.value !== "all";
    }
    const unmarked = this.rows.filter((row) => !isMark(row.dataset.state)).length;
    for (const element of document.querySelectorAll('[data-count="unmarked"]')) setText(element, unmarked);
    const numbers = { unmarked, missed: this.#matching("missed").length, late: this.#matching("late").length };
    for (const element of document.querySelectorAll("[data-while]")) element.hidden = !numbers[element.dataset.while];
    document.getElementById("shared-phones").hidden = !this.rows.some((row) => matchesChip("flagged", row));
  }
}

const cell = (row, name) => row.querySelector(`[data-${name}]`);

function textsOf(row) {
  const texts = [cell(row, "name"), cell(row, "section")].filter(Boolean);
  return {
    numbers: [cell(row, "roll").textContent, row.dataset.student],
    texts: texts.map((element) => element.textContent),
  };
}

/** Highlight what matches. The student id is shown only if it is what matches. */
function showMatch(row, typed) {
  highlightNumber(cell(row, "roll"), typed);
  highlightText(cell(row, "name"), typed);
  if (cell(row, "section")) highlightText(cell(row, "section"), typed);
  const id = cell(row, "id");
  setText(cell(row, "id-word"), row.parentElement.dataset.wordStudentId);
  setText(id, row.dataset.student);
  highlightNumber(id, typed);
  id.parentElement.hidden = !id.querySelector("mark") || id.textContent === cell(row, "roll").textContent;
}
