/**
 * The note beside a list that a search or filter shortens: "1 of 30 shown · Clear". It also says why Enter did nothing.
 * Its texts are in templates/qrsessions/parts/shown_note.html.
 */
import { setText } from "../../lib/text.js";

export class ShownNote {
  /** @param {() => void} clear forgets the search and the filter; it is also called when the user comes back to the page */
  constructor(region, clear) {
    this.texts = region.dataset;
    this.note = region.querySelector("p");
    region.querySelector("button").addEventListener("click", clear);
    // The browser may keep the whole page while the user is elsewhere.
    window.addEventListener("pageshow", (event) => event.persisted && clear());
  }

  /** @param {boolean} isFiltered whether a search or filter is active; the note is hidden otherwise */
  show(shown, total, isFiltered) {
    setText(this.note.querySelector("[data-shown]"), this.texts.shown.replace("SHOWN", shown).replace("TOTAL", total));
    this.note.hidden = !isFiltered;
    if (!isFiltered) this.explain("");
  }

  /** @param {"several"|"filtered"|""} reason why Enter did nothing; "" removes the explanation */
  explain(reason, number) {
    setText(this.note.querySelector("[data-reason]"), reason && this.texts[reason].replace("NUMBER", number));
  }
}
