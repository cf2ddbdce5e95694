/**
 * The search field and the chips above the list of students: a row is shown where it has all the words that are typed
 * and is of the chosen kind. The words stay when the page is loaded again.
 */
import { setText } from "./text.js";

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** What a row must be for each chip; those not named here are states. */
const KINDS = {
  all: () => true,
  missed: (row) => "missed" in row.dataset,
  flagged: (row) => "flagged" in row.dataset,
};
const isOf = (kind, row) => (KINDS[kind] ? KINDS[kind](row) : row.dataset.state === kind);

export class StudentFilter {
  /** @param {HTMLElement} list the table's body */
  constructor(list) {
    this.list = list;
    this.field = document.querySelector("[data-search]");
    this.chips = document.querySelector("[data-chips]");
    this.none = document.getElementById("no-student");
    this.texts = new WeakMap();
    this.kept = `search:${location.pathname}`;
    this.field.hidden = false;
    this.chips.hidden = false;
    this.field.value = sessionStorage.getItem(this.kept) ?? "";
    this.field.addEventListener("input", () => {
      sessionStorage.setItem(this.kept, this.field.value);
      this.apply();
    });
    this.chips.addEventListener("change", () => this.apply());
    this.apply();
  }

  /** Show what matches now, and how many there are of each kind. A row that has the focus stays. */
  apply() {
    const words = plain(this.field.value).split(/\s+/).filter(Boolean);
    const kind = this.chips.querySelector(":checked")?.value ?? "all";
    let shown = 0;
    for (const row of this.list.children) {
      const matches = isOf(kind, row) && words.every((word) => this.#text(row).includes(word));
      row.hidden = !matches && !row.contains(document.activeElement);
      if (!row.hidden) shown += 1;
    }
    this.none.hidden = shown > 0;
    this.#count();
  }

  #count() {
    const rows = [...this.list.children];
    for (const input of this.chips.querySelectorAll("input")) {
      const number = rows.filter((row) => isOf(input.value, row)).length;
      for (const place of document.querySelectorAll(`[data-count="${input.value}"]`)) setText(place, number);
      input.closest("label").hidden = number === 0 && !input.checked && input.value !== "all";
    }
    const unmarked = rows.filter((row) => row.dataset.state === "joined" || row.dataset.state === "none").length;
    for (const place of document.querySelectorAll('[data-count="unmarked"]')) setText(place, unmarked);
    const numbers = { unmarked, missed: rows.filter((row) => isOf("missed", row)).length };
    for (const button of document.querySelectorAll("[data-while]")) button.hidden = !numbers[button.dataset.while];
    document.getElementById("shared-phones").hidden = !rows.some((row) => isOf("flagged", row));
  }

  #text(row) {
    if (!this.texts.has(row)) this.texts.set(row, plain(row.dataset.item));
    return this.texts.get(row);
  }
}
